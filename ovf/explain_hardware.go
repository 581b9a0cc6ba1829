package ovf

var explainHardware = []Explanation{
	{
		CodeQuantity, CanError,
		"The number of CPUs or the size of memory is missing, zero, or more than any machine here may have.",
		"A plan is sized and priced by it.",
		"Give the item a VirtualQuantity (DSP0243 clause 8.3).",
	},
	{
		CodeBound, CanError,
		"The normal quantity lies outside its minimum and maximum, or these contradict each other.",
		"Bounds say how far a tenant may go from the normal quantity (DSP0243 clause 8.4).",
		"Let minimum, normal and maximum be in this order.",
	},
	{
		CodeInstanceCount, CanError,
		"The number of copies is outside its own limits.",
		"It is the number that is started when nobody says another.",
		"Let minimum, default and maximum be in this order.",
	},
	{
		CodeAmbiguousDefault, CanError,
		"More than one configuration is the default.",
		"At most one may be (DSP0243 clause 9.8); readers differ in which they take.",
		"Mark one, or none: then the first is the default.",
	},
	{
		CodeAmbiguousItem, CanError,
		"More than one CPU item or memory item counts in one configuration.",
		"They would be added up by one reader and chosen from by another.",
		"Give the items of different configurations the same InstanceID, and each its configuration.",
	},
	{
		CodeConnection, CanWarn,
		"An Ethernet adapter is connected to no network, or to several.",
		"Each adapter is one port on one network (DSP0243 clause 8.3).",
		"Give the item exactly one Connection.",
	},
	{
		CodeUnsupportedHardware, CanWarn,
		"An item is hardware of the host, such as a bus adapter or a device passed through, which the machine will not get.",
		"The guest may miss it.",
		"Mark it with ovf:required=\"false\" when the guest runs without it, or remove it.",
	},
	{
		CodeTransport, CanWarn,
		"The guest asks for its environment through VMware's hypervisor alone.",
		"No other hypervisor answers there, so the guest boots without its settings unless it looks for a CD all the same.",
		"List iso as a transport too (DSP0243 clause 11.2) and let the guest read ovf-env.xml from the CD.",
	},
	{
		CodeCapacityProperty, CanError,
		"The capacity of a disk is the value of a property that is not there or is a password.",
		"The disk could not be sized (DSP0243 clause 9.1).",
		"Name a property of whole numbers by its full id: ${class.key.instance}.",
	},
	{
		CodePopulatedSize, CanError | CanWarn,
		"A disk is said to hold more than its capacity. A warning when it is more than its image has.",
		"One of the two numbers is wrong, and the smaller would lose data.",
		"Correct populatedSize, which is in bytes, or leave it out.",
	},
	{
		CodeSizeLimit, CanError,
		"The package, or its descriptor, manifest, certificate, an extended header, or what is inside a compressed file, has more bytes than are accepted.",
		"Limits are checked before bytes are taken, so that nobody fills memory or storage.",
		"Make it smaller, or ask the operator for a higher limit.",
	},
	{
		CodeCountLimit, CanError,
		"There are more members, configurations, items, devices, virtual systems or legs than are accepted.",
		"Plans are computed for every configuration, and each thing counts against a quota.",
		"Split the package, or remove what is not used.",
	},
	{
		CodeResourceLimit, CanError,
		"A disk or a memory size is more than any machine here may have, or does not fit in 63 bits.",
		"Wrapping around must be impossible, and such a machine could not be booted.",
		"Correct the number or its unit.",
	},
	{
		CodeUnsupportedEncryption, CanError,
		"The package is encrypted.",
		"Its files cannot be checked, and nobody here has the key (DSP0243 2.x clause 9.16).",
		"Package it without encryption, and sign it instead.",
	},
	{
		CodeUnsupportedInstall, CanError,
		"The guest installs itself at a first boot.",
		"Every instance would have to be built before it can carry traffic (DSP0243 clause 9.10).",
		"Install once, and package the installed disk.",
	},
	{
		CodeUnsupportedCompression, CanError,
		"A file is compressed in a way that is not read here.",
		"Its content cannot be checked.",
		"Use gzip, or a disk format that compresses by itself.",
	},
}
