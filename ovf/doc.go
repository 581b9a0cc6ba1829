// Package ovf reads, checks and writes OVF packages (DMTF DSP0243): bytes in,
// a typed package and positioned findings out. It knows nothing of brokers,
// stores or clouds.
//
// # The model
//
// A Package is what one descriptor (.ovf) says, together with what was found
// around it. Its parts carry the names of the standard: Files (References),
// Disks (DiskSection), Networks (NetworkSection), Configurations
// (DeploymentOptionSection) and Content, the one virtual system or the tree of
// virtual system collections. A Content has its products with their
// properties, its EULAs, its operating system, its Hardware, a list of Items,
// and what says how it is brought up: start order, copies, placement, boot order,
// files for the guest. Sections of 2.x are read in 1.x as well. What a package
// asks for beyond OVF is a Requirement: listed, and never acted on but for the
// firmware a guest boots with.
//
// Hardware is not read off the Items directly: an Item may count only in
// some configurations, may replace a general one of the same InstanceID, or
// may be a bound that is no device at all. Plans does that resolution: one
// Plan for each configuration, or one named "default" where there is none,
// with exact byte counts and a role for each NIC. What OVF cannot say about a
// network service stands in NetworkService, read from our own optional
// section or inferred from names.
//
// # Findings
//
// Nothing is reported by the first error only: every problem becomes a Finding
// with a stable code, a severity and the file, line, column and path it was
// seen at. A package with an error finding is refused (Valid is false), yet
// what could be read stays readable, so that a report can show it. A Go error
// is returned only where there is nothing to report about: a path that cannot
// be opened, a stream that broke, a sink that failed.
//
// # Packages
//
// Open inspects a folder, a .ovf or a .ova in place. Ingest reads an OVA once
// from a stream and hands each member to a Sink while its digests are
// computed; the sink is told to commit only after everything has been
// verified. Member names are data and never become paths here. Nothing in a
// package makes this package open another file or a connection.
//
// WriteDescriptor writes a Package as a descriptor, Build an OVA from a folder,
// Sign a certificate file; Environment and WriteISO make what a guest reads at
// its first boot (DSP8027).
package ovf
