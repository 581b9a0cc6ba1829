// Package catalog turns packages into offerings: a pushed OVF package becomes a
// draft service with one plan for each deployment configuration, a published
// service stands in the OSB catalog. It also keeps the packages' bytes.
//
// # What is stored
//
// Collection "packages", key vendor/name@version: a Package, never altered.
// Collection "services", key the service's id, found also by "name": a Service.
// Blobs: the members of packages, each in a file named by its digest.
//
// A push writes in this order: bytes into a private folder, blobs, the package,
// the service. Each is one atomic step. A crash in between leaves a private
// folder (swept by OpenBlobs), blobs that no package names, or a package that its
// service does not know of yet; Recover makes up for the latter two, and pushing
// the same bytes again does so for its own package.
//
// # Versions
//
// A new version of a draft replaces the draft. A new version of a service that has
// been published waits as its Candidate: the catalog goes on offering the old one
// until the service is published again. Instances keep the version they were made
// of. Plans that a newer version has no more become Former: they are not offered,
// and their prices stay for the instances that have them.
//
// # Ownership
//
// Ids and names begin with the vendor, which is whoever pushes and not what the
// package says; so no vendor can reach another's package or service by a push.
package catalog
