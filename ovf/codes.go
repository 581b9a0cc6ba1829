package ovf

// Code names a kind of problem. Codes are stable: programs compare them. Each
// is told in explain_*.go and shown by a package of testdata/ovf/findings.
type Code string

// What holds for the report as a whole.
const (
	CodeTooManyFindings Code = "too-many-findings" // the rest is not shown
)

// The descriptor as XML.
const (
	CodeEncoding              Code = "encoding"
	CodeXMLSyntax             Code = "xml-syntax"
	CodeXMLEmpty              Code = "xml-empty"
	CodeXMLRoots              Code = "xml-roots"
	CodeXMLDoctype            Code = "xml-doctype"
	CodeXMLPrefix             Code = "xml-prefix" // bound to no namespace
	CodeXMLDuplicateAttribute Code = "xml-duplicate-attribute"
	CodeXMLLimit              Code = "xml-limit"
	CodeNamespace             Code = "namespace"
	CodeVersion               Code = "version"
	CodeDialect               Code = "dialect" // not OVF, or a form of it that nobody standardised
	CodeAttributePrefix       Code = "unprefixed-attribute"
)

// The parts of the descriptor: what must be there, where, and how often.
const (
	CodeMissingElement   Code = "missing-element"
	CodeMissingAttribute Code = "missing-attribute"
	CodeMissingInfo      Code = "missing-info"
	CodeMisplaced        Code = "misplaced-section"
	CodeRequiredUnknown  Code = "required-unknown" // required, and not understood
	CodeIgnored          Code = "ignored"          // of another namespace, and optional
	CodeDuplicateSection Code = "duplicate-section"
	CodeDuplicateID      Code = "duplicate-id"
	CodeDuplicateItem    Code = "duplicate-item" // an InstanceID twice in one configuration
	CodeDuplicateFile    Code = "duplicate-file" // one file under two ids or on two disks
)

// Single values of the descriptor.
const (
	CodeValue           Code = "value"  // a word that is none of those allowed
	CodeNumber          Code = "number" // no whole number, or out of its range
	CodeUnits           Code = "units"
	CodeNoUnits         Code = "units-missing"
	CodePlaceholder     Code = "placeholder"
	CodeConfigurationID Code = "configuration-id"
	CodeOSType          Code = "os-type"
)

// What refers to something that is not there.
const (
	CodeUnknownFile          Code = "unknown-file"
	CodeUnknownDisk          Code = "unknown-disk"
	CodeUnknownNetwork       Code = "unknown-network"
	CodeUnknownConfiguration Code = "unknown-configuration"
	CodeUnknownContent       Code = "unknown-content"
	CodeUnknownItem          Code = "unknown-item"
	CodeUnknownGroup         Code = "unknown-placement-group"
	CodeUnknownProperty      Code = "unknown-property"
	CodeHostResource         Code = "host-resource"
	CodeCycle                Code = "cycle"
	CodeUnusedFile           Code = "unused-file"
	CodeHref                 Code = "href" // leads out of the package, or to its own descriptor
)

// Hardware, configurations and what they add up to.
const (
	CodeQuantity            Code = "quantity" // of CPUs or memory: none, or none that can be
	CodeBound               Code = "bound"    // the quantity is outside its own bounds
	CodeInstanceCount       Code = "instance-count"
	CodeAmbiguousDefault    Code = "ambiguous-default"
	CodeAmbiguousItem       Code = "ambiguous-item"
	CodeConnection          Code = "nic-connection"
	CodeUnsupportedHardware Code = "unsupported-hardware"
	CodeCapacityProperty    Code = "capacity-property"
	CodePopulatedSize       Code = "populated-size"
	CodeSizeLimit           Code = "size-limit"     // bytes to read
	CodeCountLimit          Code = "count-limit"    // things to hold
	CodeResourceLimit       Code = "resource-limit" // memory or disk of one virtual system
	CodeTransport           Code = "transport"      // of the environment: one that only VMware has
)

// Properties and the network service.
const (
	CodePropertyID        Code = "property-id"
	CodePropertyType      Code = "property-type"
	CodePropertyDefault   Code = "property-default"
	CodePropertyQualifier Code = "property-qualifier"
	CodePropertyRange     Code = "property-range"
	CodeDuplicateProperty Code = "duplicate-property"
	CodePasswordDefault   Code = "password-default"
	CodePasswordUnmarked  Code = "password-unmarked"
	CodeService           Code = "network-service"
	CodeServiceSides      Code = "service-sides"
)

// What is understood and refused all the same.
const (
	CodeUnsupportedEncryption  Code = "unsupported-encryption"
	CodeUnsupportedInstall     Code = "unsupported-install"
	CodeUnsupportedCompression Code = "unsupported-compression"
)

// The container and its members.
const (
	CodeContainer       Code = "container" // no tar archive at all
	CodeTarHeader       Code = "tar-header"
	CodeTruncated       Code = "truncated"
	CodeNoEndMarker     Code = "no-end-marker"
	CodeTrailingData    Code = "trailing-data"
	CodeMemberName      Code = "member-name"
	CodeMemberType      Code = "member-type"
	CodeMemberDirectory Code = "member-directory"
	CodeMemberOrder     Code = "member-order"
	CodeDuplicateMember Code = "duplicate-member"
	CodeDescriptorCount Code = "descriptor-count"
	CodeFileMissing     Code = "file-missing"
	CodeFileExtra       Code = "file-extra"
	CodeFileSize        Code = "file-size"
	CodePieceSize       Code = "piece-size"
)

// Manifest and certificate.
const (
	CodeManifestSyntax    Code = "manifest-syntax"
	CodeManifestMismatch  Code = "manifest-mismatch"
	CodeManifestMissing   Code = "manifest-missing-file" // listed, but not in the package
	CodeManifestUnlisted  Code = "manifest-unlisted"     // in the package, but not listed
	CodeManifestDuplicate Code = "manifest-duplicate"
	CodeManifestSelf      Code = "manifest-lists-itself"
	CodeManifestName      Code = "manifest-name"
	CodeManifestAbsent    Code = "manifest-absent"
	CodeWeakDigest        Code = "weak-digest"
	CodeCertificateAlone  Code = "certificate-alone" // without a manifest
	CodePrivateKey        Code = "private-key"
	CodeSignatureInvalid  Code = "signature-invalid"
	CodeSignatureExpired  Code = "signature-expired"
	CodeSignatureUntrust  Code = "signature-untrusted"
	CodeSignatureRequired Code = "signature-required" // by whoever takes packages
	CodeWeakSignature     Code = "weak-signature"
)

// Disk images.
const (
	CodeDiskFormat      Code = "disk-format"
	CodeDiskEmpty       Code = "disk-empty"
	CodeDiskHeader      Code = "disk-header"
	CodeDiskBacking     Code = "disk-backing" // the image refers to another file
	CodeDiskCapacity    Code = "disk-capacity"
	CodeDiskUnsupported Code = "disk-unsupported"
	CodeCompression     Code = "compression"
)
