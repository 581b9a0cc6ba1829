// Package broker serves HTTP: the Open Service Broker API 2.17 under /v2/ for
// platforms, the management API under /v1/ for operators, vendors and tenants,
// the console under /, and /healthz, /readyz, /metrics for machines.
//
// It identifies the caller, translates, and maps errors, each in one place (see
// call.go); what may be done to an instance is decided in package provision,
// what a service is in package catalog. routes.go is the contents page.
//
// Stored keys: collections "platforms" and "users", key: the name. Only hashes of
// passwords are kept.
package broker
