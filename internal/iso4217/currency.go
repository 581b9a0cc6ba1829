// Package iso4217 knows the money of ISO 4217.
package iso4217

import "strings"

// codes are those of ISO 4217 list one that are money, by their decimal
// places (the "minor unit"); codes of metals, funds and tests are left out.
var codes = map[int32]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	2: `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
		CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG
		HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU
		MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR
		SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED
		VES WST XCD XCG YER ZAR ZMW ZWG`,
	3: "BHD IQD JOD KWD LYD OMR TND",
}

// places is how many decimal places each currency has.
var places = func() map[string]int32 {
	all := map[string]int32{}
	for n, list := range codes {
		for _, code := range strings.Fields(list) {
			all[code] = n
		}
	}
	return all
}()

// Places is how many decimal places an amount in a currency has; ok is false
// when ISO 4217 does not know the code, and then it is 2.
func Places(code string) (_ int32, ok bool) {
	if n, ok := places[code]; ok {
		return n, true
	}
	return 2, false
}
