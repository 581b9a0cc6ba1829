package ovf

var explainStructure = []Explanation{
	{
		CodeMissingElement, CanError | CanWarn,
		"An element that must be there is not. Where its lack leaves no doubt, as with a label, it is a warning.",
		"DSP8023 demands it, and what it would say cannot be guessed.",
		"Add the element that is named.",
	},
	{
		CodeMissingAttribute, CanError,
		"An attribute that must be there is not, or is empty.",
		"DSP8023 demands it; without an id, for instance, nothing can refer to the element.",
		"Add the attribute that is named.",
	},
	{
		CodeMissingInfo, CanError | CanWarn,
		"A section or a virtual system has no Info.",
		"Info is what a reader shows that does not understand the section (DSP0243 clause 7.3). In sections many writers leave it out, which is a warning.",
		"Add an Info element as the first child, with one sentence for people.",
	},
	{
		CodeMisplaced, CanError | CanWarn,
		"A section stands where the standard does not allow it.",
		"A disk list inside a virtual system, say, would be found by some readers and not by others (DSP0243 clauses 7.2 and 9). In the form before the standard it is a warning.",
		"Move the section to the element that may hold it.",
	},
	{
		CodeRequiredUnknown, CanError,
		"An element of another namespace is required, or does not say that it is not, and is not understood here.",
		"required is true unless it is said to be false, and a reader must fail on what it does not understand then (DSP0243 clause 7.3).",
		"Mark the element with ovf:required=\"false\" when the package works without it, or remove it.",
	},
	{
		CodeIgnored, CanRemark,
		"An element of another namespace is optional and was ignored.",
		"The package is in order; this says what of it has no effect here.",
		"Nothing, unless the service needs what the element asks for.",
	},
	{
		CodeDuplicateSection, CanError,
		"A section or content that may stand once stands twice.",
		"Readers differ in which of the two they take.",
		"Join the two, or remove one. Two ProductSections must differ in class or instance (DSP0243 clause 9.5).",
	},
	{
		CodeDuplicateID, CanError | CanWarn,
		"An id or name that must be unique stands twice. For a collection and a system, which nothing takes for one another, it is a warning.",
		"Whatever refers to it could mean either.",
		"Rename one of the two and what refers to it.",
	},
	{
		CodeDuplicateItem, CanError,
		"Two items have the same InstanceID for the same configuration and bound.",
		"An InstanceID stands again only to replace an item in a configuration or to give its bounds (DSP0243 clauses 8.4 and 9.8).",
		"Give one item another InstanceID, or name its configuration.",
	},
	{
		CodeDuplicateFile, CanError,
		"Two entries of References name the same file, or two disks are made of the same file.",
		"It would be ambiguous whether the disks are one or two, and what the file's size and compression are.",
		"Keep one File for each file, and refer to it from one Disk.",
	},
}

var explainValues = []Explanation{
	{
		CodeValue, CanError,
		"A word is none of those that may stand there.",
		"A reader that takes an unknown word for the default does something other than was meant.",
		"Use one of the words that the message names.",
	},
	{
		CodeNumber, CanError | CanWarn,
		"A number is not one, is negative where that makes no sense, or does not fit in 63 bits. Start and stop delays that are longer than a day together are cut, which is a warning.",
		"Sizes are computed exactly; a number that wraps around would turn a huge disk into a small one.",
		"Write a plain decimal number, without sign, exponent or unit.",
	},
	{
		CodeUnits, CanError,
		"An allocation unit is none of bytes.",
		"The size it belongs to cannot be computed (DSP0004 annex C).",
		"Write it as byte * 2^30 and the like.",
	},
	{
		CodeNoUnits, CanWarn,
		"A memory size has no unit.",
		"By the schema it would be bytes, in practice MiB is meant; here MiB is assumed unless the number is too large for it.",
		"Add AllocationUnits with byte * 2^20.",
	},
	{
		CodePlaceholder, CanError,
		"A placeholder of a template was left in, such as @@SIZE@@.",
		"The descriptor is the template for one, not the outcome.",
		"Run the build step that fills the template in, and package its result.",
	},
	{
		CodeConfigurationID, CanError,
		"The id of a configuration holds white space.",
		"Items name their configurations in a list separated by spaces, so no item can name this one (DSP0243 clause 9.8).",
		"Use an id of one word; the Label may hold anything.",
	},
	{
		CodeOSType, CanWarn,
		"The id of the operating system is no number of the CIM table.",
		"It is a hint for choosing virtual hardware and is ignored then (DSP0243 clause 9.9).",
		"Use the number of CIM_OperatingSystem.OSType, for example 101 for 64-bit Linux.",
	},
}

var explainReferences = []Explanation{
	{
		CodeUnknownFile, CanError | CanWarn,
		"A file id is not in References. For texts and pictures of a descriptor looked at alone it is a warning.",
		"The disk would have no content, the text no translation.",
		"Add a File with this id to References, or correct the reference.",
	},
	{
		CodeUnknownDisk, CanError,
		"A disk names a parent that is no disk before it.",
		"A delta is of no use without what it is a delta of (DSP0243 clause 9.1); that parents go first also keeps the chain free of circles.",
		"List the parent disk before this one, or flatten the image.",
	},
	{
		CodeUnknownNetwork, CanError | CanWarn,
		"A network name is not in the NetworkSection. Where a property only wants its address filled in, it is a warning.",
		"The adapter could not be plugged in (DSP0243 clause 9.2). Names are compared letter by letter.",
		"Add the network, or use the name exactly as it stands there.",
	},
	{
		CodeUnknownConfiguration, CanError,
		"A configuration is not declared in the DeploymentOptionSection.",
		"What is meant only for it would never take effect, unnoticed (DSP0243 clause 9.8).",
		"Declare the configuration, or correct the list.",
	},
	{
		CodeUnknownContent, CanError,
		"A section of a collection names an id that is none of its children.",
		"The order or number of something else would be set, or of nothing (DSP0243 clause 9.7).",
		"Use the ovf:id of a direct child of this collection.",
	},
	{
		CodeUnknownItem, CanError | CanWarn,
		"An InstanceID names no item, or a leg of the network service none that is an Ethernet adapter. A device of VMware's boot order that is not there is a warning.",
		"A leg must be a NIC of this virtual system, and a disk stands on a controller; VMware's boot order is a hint.",
		"Correct the InstanceID, or add the item.",
	},
	{
		CodeUnknownGroup, CanError,
		"A PlacementSection names a group that no PlacementGroupSection declares.",
		"Systems that must run apart, or together, would be placed anywhere (DSP0243 2.x clause 9.15).",
		"Declare the group in the Envelope, or correct its id.",
	},
	{
		CodeUnknownProperty, CanError,
		"The network service hands out a property that the virtual system does not have.",
		"A binding could not be answered.",
		"Name the property by its full id: class.key.instance.",
	},
	{
		CodeHostResource, CanError,
		"The HostResource of an item names no disk or file of this package.",
		"Disks of the host it was exported from are not part of a package (DSP0243 clause 8.3).",
		"Use ovf:/disk/ID or ovf:/file/ID.",
	},
	{
		CodeCycle, CanError,
		"An item is its own parent, directly or by others.",
		"There is no order in which such hardware could be built.",
		"Correct the Parent of one of the items.",
	},
	{
		CodeUnusedFile, CanWarn,
		"Nothing refers to a file of References.",
		"It is uploaded and stored for nothing, or the reference to it is misspelt.",
		"Refer to it, or leave it out.",
	},
	{
		CodeHref, CanError | CanWarn,
		"The href of a file is an address, leads out of the package, or names the descriptor, manifest or certificate. For a descriptor looked at alone it is a warning.",
		"A package that could name other files could read the reader's own, or make it ask another host. Nothing is ever fetched.",
		"Use the plain name of a file that lies in the package.",
	},
}
