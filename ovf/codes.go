package ovf

// Code names a kind of problem. Codes are stable: programs compare them.
type Code string

// The codes, grouped by what is wrong.
const (
	CodeTooManyFindings Code = "too-many-findings"

	CodeEncoding              Code = "encoding"
	CodeXMLSyntax             Code = "xml-syntax"
	CodeXMLEmpty              Code = "xml-empty"
	CodeXMLRoots              Code = "xml-roots"
	CodeXMLDoctype            Code = "xml-doctype"
	CodeXMLPrefix             Code = "xml-prefix"
	CodeXMLDuplicateAttribute Code = "xml-duplicate-attribute"
	CodeXMLLimit              Code = "xml-limit"

	CodeNamespace        Code = "namespace"
	CodeDialect          Code = "dialect"
	CodeMissing          Code = "missing"            // a required element or attribute
	CodeValue            Code = "value"              // a value that is not of its type or out of range
	CodeDuplicate        Code = "duplicate"          // an id that must be unique
	CodeDangling         Code = "dangling-reference" // an id that nothing has
	CodeUnused           Code = "unused"
	CodeMisplaced        Code = "misplaced-section"
	CodeRequiredUnknown  Code = "required-unknown" // required, and not understood
	CodeIgnored          Code = "ignored"          // understood to be of no use here
	CodeUnsupported      Code = "unsupported"
	CodeUnits            Code = "units"
	CodeLimit            Code = "limit"
	CodeAmbiguous        Code = "ambiguous"
	CodePlaceholder      Code = "placeholder"
	CodeAttributePrefix  Code = "unprefixed-attribute"
	CodeHref             Code = "href"
	CodeCapacity         Code = "capacity"
	CodeBound            Code = "bound"
	CodeProperty         Code = "property"
	CodePasswordDefault  Code = "password-default"
	CodeService          Code = "network-service"
	CodeContainer        Code = "container"
	CodeTruncated        Code = "truncated"
	CodeMemberName       Code = "member-name"
	CodeMemberType       Code = "member-type"
	CodeMemberOrder      Code = "member-order"
	CodeDescriptorCount  Code = "descriptor-count"
	CodeFileMissing      Code = "file-missing"
	CodeFileExtra        Code = "file-extra"
	CodeFileSize         Code = "file-size"
	CodeManifestSyntax   Code = "manifest-syntax"
	CodeManifestMismatch Code = "manifest-mismatch"
	CodeManifestMissing  Code = "manifest-missing-file" // listed, but not in the package
	CodeManifestUnlisted Code = "manifest-unlisted"     // in the package, but not listed
	CodeManifestAbsent   Code = "manifest-absent"
	CodeWeakDigest       Code = "weak-digest"
	CodeCertificate      Code = "certificate"
	CodeSignatureInvalid Code = "signature-invalid"
	CodeSignatureExpired Code = "signature-expired"
	CodeSignatureUntrust Code = "signature-untrusted"
	CodeDiskFormat       Code = "disk-format"
	CodeDiskHeader       Code = "disk-header"
	CodeDiskBacking      Code = "disk-backing" // the image refers to another file
	CodeDiskCapacity     Code = "disk-capacity"
	CodeCompression      Code = "compression"
)
