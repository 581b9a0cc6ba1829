package main

import (
	"github.com/bumpwire/bumpwire/catalog"
	"github.com/bumpwire/bumpwire/internal/fault"
	"github.com/bumpwire/bumpwire/ovf"
)

func (c packagesConfig) check() error {
	if _, err := c.container(); err != nil {
		return err
	}
	switch policy := ovf.SignaturePolicy(c.Signatures); {
	case policy != ovf.SignatureOptional && policy != ovf.SignatureRequired && policy != ovf.SignatureMustBeKnown:
		return fault.New(fault.Invalid, "packages.signatures is optional, signed or trusted, not %q", c.Signatures)
	case policy == ovf.SignatureMustBeKnown && c.Trust == "":
		return fault.New(fault.Invalid, "packages.signatures is trusted, so packages.trust must say who is")
	}
	for _, n := range []struct {
		key       string
		is, least int
	}{{"packages.size_gib", c.SizeGiB, 1}, {"packages.vendor_gib", c.VendorGiB, 0}, {"packages.uploads", c.Uploads, 1}} {
		if n.is < n.least || n.is > 1<<20 {
			return fault.New(fault.Invalid, "%s is a number from %d to %d, not %d", n.key, n.least, 1<<20, n.is)
		}
	}
	return nil
}

// options are what packages are held against; the trust store is read now.
func (c packagesConfig) options() (ovf.Options, error) {
	trust, err := trustStore(c.Trust)
	if err != nil {
		return ovf.Options{}, fault.New(fault.Invalid, "packages.trust: %w", err)
	}
	return ovf.Options{Strict: c.Strict, Trust: trust, Signatures: ovf.SignaturePolicy(c.Signatures), Limits: ovf.Limits{Package: int64(c.SizeGiB) << 30}}, nil
}

func (c packagesConfig) quota() catalog.Quota {
	return catalog.Quota{Bytes: int64(c.VendorGiB) << 30, Pushes: c.Uploads, All: 4 * c.Uploads}
}
