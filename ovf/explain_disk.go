package ovf

var explainDisks = []Explanation{
	{
		CodeDiskFormat, CanError | CanWarn,
		"The bytes of a disk or CD image are of another format than the descriptor says, of two formats at once, or of none. A warning for a CD image that is not ISO 9660.",
		"A converter that believes the one and a hypervisor that believes the other can be led to read files of the host.",
		"Correct ovf:format, or convert the image.",
	},
	{
		CodeDiskEmpty, CanError,
		"The file of a disk has no bytes.",
		"The guest could not boot from it.",
		"Add the image, or make a blank disk by leaving out fileRef.",
	},
	{
		CodeDiskHeader, CanError | CanWarn,
		"The header of a disk image, or what it says of the rest of the file, is cut off, damaged, or has sizes that cannot be. A warning for a partition table that some firmware does not read.",
		"What reads such an image may crash, or reserve more than there is.",
		"Make the image anew, for example with qemu-img convert.",
	},
	{
		CodeDiskBacking, CanError,
		"A disk image takes data from another file: a backing file, an extent, a parent.",
		"That file would be one of the reader's own (CVE-2022-47951, CVE-2024-32498).",
		"Flatten the image to one file, for example with qemu-img convert.",
	},
	{
		CodeDiskCapacity, CanError,
		"A disk image is larger than the capacity in the descriptor, or more than 1,000 times smaller.",
		"Quotas and prices go by the descriptor, and the guest would lose what lies beyond.",
		"Correct ovf:capacity and its unit.",
	},
	{
		CodeDiskUnsupported, CanError,
		"A disk image is encrypted, or holds snapshots.",
		"It cannot be checked or booted as it is.",
		"Convert it to a plain VMDK or QCOW2.",
	},
	{
		CodeCompression, CanError,
		"A file is compressed where References does not say so, or the other way round, or is damaged.",
		"The guest would get the compressed bytes as its disk (DSP0243 clause 7.1).",
		"Set ovf:compression=\"gzip\", or unpack the file.",
	},
}
