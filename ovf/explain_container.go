package ovf

var explainContainer = []Explanation{
	{
		CodeContainer, CanError,
		"The file is no tar archive.",
		"An OVA is a plain tar archive (DSP0243 clause 5.3); the message says what the file is instead.",
		"Unpack it if it is compressed, or make an OVA with `bumpwire package build`.",
	},
	{
		CodeTarHeader, CanError,
		"A header of the archive is damaged, contradicts itself, or is of a form before POSIX.",
		"Two readers could take it for two different members.",
		"Make the archive anew in the ustar format; `bumpwire package build` does.",
	},
	{
		CodeTruncated, CanError,
		"The archive ends inside a member or a header.",
		"The file was cut off, most often in a transfer.",
		"Transfer or build it again.",
	},
	{
		CodeNoEndMarker, CanWarn,
		"The archive ends after a whole member, without the two empty blocks that mark its end.",
		"Nothing is missing, but it cannot be told from an archive cut off there.",
		"Make the archive anew.",
	},
	{
		CodeTrailingData, CanError | CanWarn,
		"There is data behind the end of the archive.",
		"It is never read here, and another reader might. In a signed package, where nobody signed it, it is an error.",
		"Make the archive anew; do not append one archive to another.",
	},
	{
		CodeMemberName, CanError,
		"The name of a member leads out of the package, is absolute, or holds characters that no file name should.",
		"Whoever unpacks such an archive may overwrite other files.",
		"Use plain relative names.",
	},
	{
		CodeMemberType, CanError,
		"A member is a link, a device, a sparse file or a directory with content.",
		"A package holds regular files only; a link could lead to files of the reader.",
		"Put the file itself into the archive.",
	},
	{
		CodeMemberDirectory, CanWarn,
		"The archive has an entry for a directory.",
		"It is of no use and is ignored.",
		"Add the files only.",
	},
	{
		CodeMemberOrder, CanError | CanWarn,
		"The descriptor is not the first member. An error when the pieces of a file do not follow one another in order.",
		"Readers that stream an archive need it first (DSP0243 clause 5.3).",
		"Add the descriptor first, then manifest and certificate, then the files in the order of References.",
	},
	{
		CodeDuplicateMember, CanError,
		"Two members have names that are the same, or could be taken for the same by some file system.",
		"The second would replace the first after that has been verified.",
		"Rename or remove one.",
	},
	{
		CodeDescriptorCount, CanError,
		"There is no descriptor, or more than one.",
		"A package is described by exactly one (DSP0243 clause 5.1).",
		"Leave one .ovf in the package.",
	},
	{
		CodeFileMissing, CanError | CanRemark,
		"A file of References is not in the package. It is a remark when a descriptor is looked at alone.",
		"Its disk would be empty.",
		"Add the file under exactly the name of its href.",
	},
	{
		CodeFileExtra, CanWarn,
		"A file is in the package but not in References.",
		"It is not kept.",
		"Add it to References, or leave it out.",
	},
	{
		CodeFileSize, CanError | CanWarn,
		"A file has another size than References says. Where References says 0, as writers do who did not know, it is a warning.",
		"The file was exchanged or damaged after the descriptor was written (DSP0243 clause 7.1).",
		"Correct ovf:size, which counts the bytes as stored, or leave it out.",
	},
	{
		CodePieceSize, CanError,
		"A piece of a file that was cut up has the wrong size.",
		"All pieces but the last have the size of chunkSize (DSP0243 clause 7.1).",
		"Cut the file anew, or correct chunkSize.",
	},
}

var explainManifest = []Explanation{
	{
		CodeManifestSyntax, CanError,
		"A line of the manifest cannot be read, or its digest algorithm is not accepted.",
		"A line that is skipped hides a file that nobody verifies.",
		"Write each line as SHA256(name)= digest, in hexadecimal.",
	},
	{
		CodeManifestMismatch, CanError,
		"The digest of a file is not the one in the manifest.",
		"The file was changed or damaged since the manifest was written.",
		"Get the package anew from its vendor, or write the manifest anew after a change.",
	},
	{
		CodeManifestMissing, CanError | CanRemark,
		"The manifest lists a file that is not in the package. It is a remark when a descriptor is looked at alone.",
		"A part of the package has been lost or taken away.",
		"Add the file, or write the manifest anew.",
	},
	{
		CodeManifestUnlisted, CanError | CanWarn,
		"A file of the package is not in its manifest. For the descriptor, and in a signed package, it is an error.",
		"Nothing proves that the file is the vendor's.",
		"Write the manifest anew over all files.",
	},
	{
		CodeManifestDuplicate, CanError | CanWarn,
		"A file is listed twice with one algorithm. With two different digests it is an error.",
		"Only one of two different digests can be right, and readers differ in which they check.",
		"Remove one of the lines.",
	},
	{
		CodeManifestSelf, CanWarn,
		"The manifest lists itself or the certificate file.",
		"Neither can have its final digest there (DSP0243 clause 5.1).",
		"Remove the line.",
	},
	{
		CodeManifestName, CanWarn,
		"The manifest has another base name than the descriptor.",
		"Readers look for it under the descriptor's name (DSP0243 clause 5.1).",
		"Rename it.",
	},
	{
		CodeManifestAbsent, CanWarn,
		"The package has no manifest.",
		"A damaged or exchanged file would not be noticed.",
		"Make the package with `bumpwire package build`, which writes one.",
	},
	{
		CodeWeakDigest, CanWarn,
		"The manifest uses SHA-1.",
		"Two files of the same SHA-1 digest can be made, so it shows damage but no forgery.",
		"Use SHA-256 or SHA-512.",
	},
	{
		CodeCertificateAlone, CanError,
		"There is a certificate file but no manifest.",
		"The certificate signs the manifest, and so nothing here (DSP0243 clause 5.1).",
		"Add the manifest that was signed.",
	},
	{
		CodePrivateKey, CanWarn,
		"A private key is packed with the certificate.",
		"Whoever has this package can sign in its owner's name.",
		"Take the key out, hold it for stolen, and sign with a new one.",
	},
	{
		CodeSignatureInvalid, CanError,
		"The signature is not one over this manifest by this certificate, or the certificate file cannot be read.",
		"The manifest was changed after it was signed, or somebody else signed it.",
		"Get the package anew from its vendor, or sign it anew.",
	},
	{
		CodeSignatureExpired, CanRemark,
		"The signature is right, but the certificate is not valid at this time.",
		"Its owner no longer vouches for the key.",
		"Sign the package with a current certificate.",
	},
	{
		CodeSignatureUntrust, CanRemark,
		"The signature is right, but its certificate does not lead to one that is trusted here.",
		"Anybody can make a certificate that bears any name.",
		"Add the vendor's certificate to the trusted ones, after checking its fingerprint with the vendor.",
	},
	{
		CodeSignatureRequired, CanError,
		"Whoever takes packages here wants them signed, and this one is not, or not by somebody trusted.",
		"The operator has decided that a manifest alone is not enough.",
		"Sign the package with `bumpwire package sign` or `build --key`, and let the operator trust the certificate.",
	},
	{
		CodeWeakSignature, CanWarn,
		"The signature is right, but made with a digest or a key that can be forged.",
		"It proves less than it seems to.",
		"Sign anew with SHA-256 and an RSA key of 2048 bits or more, or with ECDSA.",
	},
}
