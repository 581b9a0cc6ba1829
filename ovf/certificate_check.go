package ovf

// checkCertificate verifies the signature over the manifest and holds the
// package against the policy.
func (in *intake) checkCertificate(pkg *Package, c completeness) {
	v := &pkg.Verification
	if in.certificate.name != "" {
		v.CheckedAt = in.opts.Now
		in.verifySignature(v)
	}
	if c == alone || in.opts.Signatures.allows(v.Signature) || v.Signature == SignatureInvalid {
		return
	}
	switch in.opts.Signatures {
	case SignatureMustBeKnown:
		in.report.file(Error, CodeSignatureRequired, in.certificate.name, "only packages with a trusted signature are taken; this one is %s", v.Signature)
	case SignatureRequired:
		in.report.file(Error, CodeSignatureRequired, "", "only signed packages are taken; this one is not signed")
	}
}

func (in *intake) verifySignature(v *Verification) {
	name := in.certificate.name
	if in.manifest.name == "" {
		v.Signature = SignatureInvalid
		v.Reason = "there is a certificate but no manifest that it could sign"
		in.report.file(Error, CodeCertificateAlone, name, "%s", v.Reason)
		return
	}
	s := VerifySignature(in.manifest.name, in.manifest.data, in.certificate.data, in.opts.Trust, in.opts.Now)
	v.Signature, v.Reason, v.Certificate = s.State, s.Reason, s.Certificate
	switch s.State {
	case SignatureInvalid:
		in.report.file(Error, CodeSignatureInvalid, name, "%s", s.Reason)
	case SignatureExpired:
		in.report.file(remark, CodeSignatureExpired, name, "%s", s.Reason)
	case SignatureUntrusted:
		in.report.file(remark, CodeSignatureUntrust, name, "%s", s.Reason)
	}
	if s.Weak != "" {
		in.report.file(Warning, CodeWeakSignature, name, "%s", s.Weak)
	}
	if s.PrivateKey {
		in.report.file(Warning, CodePrivateKey, name, "a PRIVATE KEY is packed with the certificate: whoever has this package can sign in its owner's name")
	}
}
