package ovf

import "strings"

// settings are the properties of the CIM classes that an Item, a StorageItem
// and an EthernetPortItem are instances of, as far as they change nothing here:
// CIM_ResourceAllocationSettingData, CIM_StorageAllocationSettingData and
// CIM_EthernetPortAllocationSettingData, with the InstanceId and BusNumber of
// older schemas. An element that is none of them, and not marked as optional,
// is one that its author relies on.
const settings = " AutomaticDeallocation BusNumber ChangeableType ComponentSetting ConfigurationName ConsumerVisibility Generation " +
	"MappingBehavior OtherResourceType PoolID SoID SoOrgID " +
	"Access HostExtentName HostExtentNameFormat HostExtentNameNamespace HostExtentStartingAddress HostResourceBlockSize " +
	"OtherHostExtentNameFormat OtherHostExtentNameNamespace VirtualResourceBlockSize " +
	"AllowedPriorities DefaultPortVID DefaultPriority DesiredVLANEndpointMode GroupID ManagerID " +
	"NetworkPortProfileIDType OtherEndpointMode OtherNetworkPortProfileIDTypeInfo PortCorrelationID PortVID Promiscuous " +
	"ReceiveBandwidthLimit ReceiveBandwidthReservation SourceMACFilteringEnabled VSITypeID VSITypeIDVersion "

func knownSetting(name string) bool { return strings.Contains(settings, " "+name+" ") }
