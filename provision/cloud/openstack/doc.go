// Package openstack is the cloud driver for OpenStack: appliances are Nova servers,
// segments Neutron networks, a tenant is a Keystone project, and its gateways are
// the routers of that project.
//
// # Whose things are whose
//
// Networks, routers and the routers' ports are the tenant's project's. All else that
// is made here (segments, the appliances' ports, servers) belongs to the project of
// the driver's own account, which needs the right to act in the tenants' networks:
// no tenant can look into a vendor's appliance, and none pays for it with its quota.
// An account of the tenant's own project needs no such right and serves that tenant.
//
// # How things are found again
//
// What is made carries, from the call that makes it, a description with the broker's
// scope and a digest of what it is (so that a repetition finds it), and then tags:
// the scope, the project, and the facts that Observe needs, in pieces (see mark).
// Servers have the same in their metadata. A mark counts only on what is in the
// account's project, and on a router's port in the tenant's.
//
// # How a gateway's plug moves
//
// A router's port cannot change its network. It is removed from the router, which
// deletes it, and another one with the same MAC and addresses is added. In between
// the network's traffic stops, so all else is done before and after. Neutron refuses
// two legs of one router in the same range, so there is no way without that gap.
package openstack
