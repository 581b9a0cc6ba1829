package ovf

var explainProperties = []Explanation{
	{
		CodePropertyID, CanError,
		"The full id of a property is too long or holds control characters.",
		"It becomes a name in catalogs, schemas and the guest's environment.",
		"Use letters, digits, dots, dashes and underscores.",
	},
	{
		CodePropertyType, CanError,
		"The type of a property is not known.",
		"Values could not be checked before the guest gets them (DSP0243 clause 9.5.1).",
		"Use string, boolean, real32, real64, or one of uint8 to uint64 and sint8 to sint64.",
	},
	{
		CodePropertyDefault, CanError,
		"The default of a property is not of its type or breaks its own rules.",
		"Whoever keeps the default would get a guest that does not start.",
		"Correct the value, or the type and qualifiers.",
	},
	{
		CodePropertyQualifier, CanWarn,
		"A qualifier of a property is not understood and is ignored.",
		"The rule that it states is not checked here.",
		"Use MinLen, MaxLen and ValueMap of the standard, or MinValue and MaxValue.",
	},
	{
		CodePropertyRange, CanError,
		"The minimum of a property's qualifiers is above the maximum.",
		"No value can satisfy both.",
		"Correct one of the two.",
	},
	{
		CodeDuplicateProperty, CanError,
		"Two properties of one virtual system have the same full id.",
		"The guest gets one value under each id (DSP0243 clause 9.5.1).",
		"Rename one, or give its ProductSection another class or instance.",
	},
	{
		CodePasswordDefault, CanWarn,
		"A password property has a default value.",
		"Everybody who has the package knows it. It is neither shown nor offered.",
		"Remove the default, and let the tenant give a value.",
	},
	{
		CodePasswordUnmarked, CanWarn,
		"The property that bindings hand out as a password is not marked as one.",
		"Its value would be shown wherever properties are shown.",
		"Add ovf:password=\"true\" to the property.",
	},
	{
		CodeService, CanError,
		"A value in the NetworkServiceSection is wrong.",
		"The section is written for this reader, so a mistake in it is never meant; see network-service-section.md.",
		"Correct the attribute that is named.",
	},
	{
		CodeServiceSides, CanError,
		"What the NetworkServiceSections say of a service's sides does not fit together.",
		"A symmetric service has an appliance on each of two or more sides, which one virtual system serves each, and its appliances learn of each other by properties; see network-service-section.md.",
		"Name every side once, in the section of the virtual system that serves it, and refer only to those.",
	},
}
