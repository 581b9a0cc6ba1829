// Package api holds what travels between the broker and its clients, and the
// clients themselves.
//
// OSB speaks the Open Service Broker API 2.17 as a platform does; its wire types
// are spelled as the standard spells them (spec.md of v2.17). Client speaks the
// management API under /v1/, which is this program's own: snake_case, lists in
// {"items": […]}, errors in the shape of Problem.
//
// Where the broker's own type is fit to be shown as it is (services, packages,
// fabrics, billing records) it travels as it is; a type of its own stands here
// only where the two differ, as for an instance, whose secrets stay inside.
package api
