package broker

// route is one row of the program's contents page.
type route struct {
	method  string
	path    string
	access  access
	status  int // of a success, unless the handler knows better
	summary string
	endpoint
}

// routes are all there are. The OpenAPI document is made of this list.
func (s *Server) routes() []route {
	return []route{
		// Open Service Broker API 2.17; what platforms ask most comes first, because a
		// request is compared with one path after another
		{"GET", "/v2/service_instances/{instance}/last_operation", platforms, 200, "Poll an instance", gives(s.osbLastOperation)},
		{"GET", "/v2/catalog", platforms, 200, "Services and plans on offer", gives(s.osbCatalog)},
		{"PUT", "/v2/service_instances/{instance}", platforms, 201, "Provision an instance", takes(s.osbProvision)},
		{"GET", "/v2/service_instances/{instance}", platforms, 200, "Fetch an instance", gives(s.osbFetch)},
		{"PATCH", "/v2/service_instances/{instance}", platforms, 200, "Update an instance", takes(s.osbUpdate)},
		{"DELETE", "/v2/service_instances/{instance}", platforms, 200, "Deprovision an instance", gives(s.osbDeprovision)},
		{"PUT", "/v2/service_instances/{instance}/service_bindings/{binding}", platforms, 201, "Bind", takes(s.osbBind)},
		{"GET", "/v2/service_instances/{instance}/service_bindings/{binding}", platforms, 200, "Fetch a binding", gives(s.osbFetchBinding)},
		{"DELETE", "/v2/service_instances/{instance}/service_bindings/{binding}", platforms, 200, "Unbind", gives(s.osbUnbind)},
		{"GET", "/v2/service_instances/{instance}/service_bindings/{binding}/last_operation", platforms, 200, "Poll a binding", gives(s.osbLastBindingOperation)},

		// what vendors publish
		{"GET", "/v1/packages", vendors, 200, "List packages", gives(s.listPackages)},
		{"POST", "/v1/packages", vendors, 201, "Push a package: an OVA as application/octet-stream; with ?strict=true every deviation refuses it", gives(s.pushPackage)},
		{"GET", "/v1/packages/{package}", vendors, 200, "Show a package", gives(s.showPackage)},
		{"DELETE", "/v1/packages/{package}", vendors, 204, "Remove a package", gives(s.removePackage)},
		{"GET", "/v1/services", users, 200, "List services", gives(s.listServices)},
		{"GET", "/v1/services/{service}", users, 200, "Show a service, by id or name", gives(s.showService)},
		{"POST", "/v1/services/{service}/publish", vendors, 200, "Put a service into the catalog", takes(s.publishService)},
		{"POST", "/v1/services/{service}/deprecate", vendors, 200, "Mark a service in the catalog", gives(s.deprecateService)},
		{"POST", "/v1/services/{service}/retire", vendors, 200, "Take a service out of the catalog", gives(s.retireService)},
		{"POST", "/v1/services/{service}/prices", vendors, 200, "Append a price of a plan, for all or for one tenant", takes(s.setPrice)},
		{"GET", "/v1/services/{service}/contracts", tenants, 200, "List what single tenants pay for a service's plans", gives(s.listContracts)},

		{"GET", "/v1/services/{service}/eulas", users, 200, "List the licences that a service needs accepted", gives(s.listEULAs)},
		{"GET", "/v1/eulas/{eula}", anyone, 200, "A licence as plain text, by its digest", gives(s.showEULA)},

		// what tenants have
		{"GET", "/v1/acceptances", tenants, 200, "List the licences that a tenant has accepted", gives(s.listAcceptances)},
		{"POST", "/v1/acceptances", tenants, 201, "Accept licences for all instances of a tenant", takes(s.acceptEULAs)},
		{"GET", "/v1/instances", tenants, 200, "List instances", gives(s.listInstances)},
		{"POST", "/v1/instances", tenants, 202, "Create an instance", takes(s.createInstance)},
		{"GET", "/v1/instances/{instance}", tenants, 200, "Show an instance", gives(s.showInstance)},
		{"PATCH", "/v1/instances/{instance}", tenants, 202, "Update an instance: its plan, parameters, networks, version or name", takes(s.updateInstance)},
		{"DELETE", "/v1/instances/{instance}", tenants, 202, "Delete an instance", gives(s.deleteInstance)},
		{"POST", "/v1/instances/{instance}/bypass", tenants, 202, "Have traffic get past an instance until it is restored", gives(s.bypassInstance)},
		{"POST", "/v1/instances/{instance}/restore", tenants, 202, "End a bypass, at once or as soon as the appliance forwards", gives(s.restoreInstance)},
		{"POST", "/v1/instances/{instance}/respin", tenants, 202, "Boot an appliance anew on the same legs", takes(s.respinInstance)},
		{"POST", "/v1/instances/{instance}/suspend", operators, 202, "Have traffic get past an instance, and nothing be changed or mended, until it is resumed", takes(s.suspendInstance)},
		{"POST", "/v1/instances/{instance}/resume", operators, 202, "End a suspension", takes(s.resumeInstance)},
		{"GET", "/v1/instances/{instance}/operation", tenants, 200, "Show the latest operation on an instance", gives(s.instanceOperation)},
		{"GET", "/v1/instances/{instance}/events", tenants, 200, "Show an instance's history", gives(s.instanceEvents)},
		{"POST", "/v1/instances/{instance}/bindings", tenants, 202, "Create a binding", takes(s.createBinding)},
		{"GET", "/v1/instances/{instance}/bindings/{binding}", tenants, 200, "Show a binding and its credentials", gives(s.showBinding)},
		{"DELETE", "/v1/instances/{instance}/bindings/{binding}", tenants, 202, "Delete a binding", gives(s.deleteBinding)},
		{"GET", "/v1/instances/{instance}/bindings/{binding}/operation", tenants, 200, "Show the latest operation on a binding", gives(s.bindingOperation)},
		{"GET", "/v1/events", tenants, 200, "The latest that happened to all instances, up to 10,000 events", gives(s.listEvents)},
		{"POST", "/v1/plan", tenants, 200, "What a request would do, step by step", takes(s.preview)},
		{"GET", "/v1/tenants/{tenant}/topology", tenants, 200, "A tenant's fabric as json, text, svg or dot", gives(s.showTopology)},
		{"GET", "/v1/tenants/{tenant}/drift", tenants, 200, "In what a tenant's fabric is not as it should be", gives(s.showDrift)},
		{"POST", "/v1/tenants/{tenant}/drift", operators, 200, "Have a change repair it", gives(s.repairDrift)},
		{"GET", "/v1/tenants/{tenant}/networks", tenants, 200, "List a tenant's networks", gives(s.listNetworks)},
		{"POST", "/v1/tenants/{tenant}/networks", tenants, 201, "Create a tenant network (linux and sim clouds)", takes(s.createNetwork)},
		{"DELETE", "/v1/tenants/{tenant}/networks/{network}", tenants, 204, "Delete a tenant network and its hosts", gives(s.deleteNetwork)},
		{"GET", "/v1/tenants/{tenant}/hosts", tenants, 200, "List a tenant's hosts", gives(s.listHosts)},
		{"POST", "/v1/tenants/{tenant}/hosts", tenants, 201, "Attach a host to a tenant network", takes(s.createHost)},
		{"GET", "/v1/usage", tenants, 200, "Metered usage", gives(s.listUsage)},
		{"GET", "/v1/usage/summary", users, 200, "Usage and its cost, summed; by default of this month so far", gives(s.summariseUsage)},
		{"POST", "/v1/usage", signers, 200, "Report what was used: one event, or up to 1000", signed(s, s.reportUsage)},
		{"GET", "/v1/instances/{instance}/usage-key", vendors, 200, "The key with which an instance's appliance signs what it reports", gives(s.showUsageKey)},
		{"GET", "/v1/instances/{instance}/usage-events/{event}", users, 200, "What became of an event that was reported", gives(s.showUsageEvent)},
		{"GET", "/v1/bills", tenants, 200, "Billing records, as json, csv, focus (FOCUS 1.2) or html", gives(s.listBills)},
		{"GET", "/v1/statements", users, 200, "List the monthly statements: a tenant's, a vendor's", gives(s.listStatements)},
		{"GET", "/v1/statements/{statement}", users, 200, "Show a statement with its lines, as json, csv, focus or html", gives(s.showStatement)},
		{"GET", "/v1/statements/{statement}/lines/{line}", users, 200, "Explain a line of a statement by its price, its usage, and the events and counts that made this", gives(s.explainLine)},
		{"GET", "/v1/statement-preview", users, 200, "What a tenant's or a vendor's next statement would have by what is metered so far, and at the end of its period", gives(s.previewStatement)},
		{"GET", "/v1/credits", tenants, 200, "List credits and refunds, and the statements that they are on", gives(s.listCredits)},
		{"GET", "/v1/billing-zones", tenants, 200, "List the tenants whose statements close in a time zone of their own", gives(s.listZones)},
		{"GET", "/v1/taxes", tenants, 200, "List the taxes on statements", gives(s.listTaxes)},
		{"GET", "/v1/promises", users, 200, "List what is promised of plans' availability", gives(s.listPromises)},
		{"GET", "/v1/budgets", tenants, 200, "List tenants' budgets, with the keys that sign their alerts", gives(s.listBudgets)},
		{"PUT", "/v1/budgets", tenants, 200, "Set a tenant's budget in a currency; amount 0 ends it", takes(s.setBudget)},
		{"GET", "/v1/budget-alerts", tenants, 200, "List the alerts of budgets, and whether webhooks took them", gives(s.listAlerts)},
		{"GET", "/v1/bills/{bill}", tenants, 200, "Show a billing record", gives(s.showBill)},

		// what operators run
		{"POST", "/v1/insertions", operators, 202, "Insert a service that the provider manages into a tenant's traffic", takes(s.insert)},
		{"GET", "/v1/agreements", vendors, 200, "List how lines are shared with vendors", gives(s.listAgreements)},
		{"PUT", "/v1/agreements", operators, 200, "Agree how lines are shared with a vendor, from a billing period on", takes(s.setAgreement)},
		{"POST", "/v1/credits", operators, 200, "Grant a tenant a credit, or refund a line: on its next statement", takes(s.grantCredit)},
		{"PUT", "/v1/billing-zones", operators, 200, "Have a tenant's statements close in a time zone, from the next period on", takes(s.setZone)},
		{"PUT", "/v1/taxes", operators, 200, "Have statements taxed, from a billing period on", takes(s.setTax)},
		{"PUT", "/v1/promises", operators, 200, "Promise how much of the time a plan's instances work, from a billing period on", takes(s.setPromise)},
		{"GET", "/v1/settlements", operators, 200, "What vendors' services brought, what vendors get and what is kept", gives(s.listSettlements)},
		{"GET", "/v1/statement-chain", operators, 200, "Look whether all statements are what was issued", gives(s.verifyStatements)},
		{"GET", "/v1/erasures", operators, 200, "List when people's names were erased, from how much", gives(s.listErasures)},
		{"POST", "/v1/bills/close", operators, 200, "Close metering windows", takes(s.closeBills)},
		{"GET", "/v1/changes", tenants, 200, "List changes, the newest first", gives(s.listChanges)},
		{"GET", "/v1/changes/{change}", tenants, 200, "Show a change with its tasks", gives(s.showChange)},
		{"POST", "/v1/changes/{change}/retry", operators, 200, "Let a parked change go on", gives(s.retryChange)},
		{"POST", "/v1/changes/{change}/abandon", operators, 200, "Give a parked change up", takes(s.abandonChange)},
		{"GET", "/v1/drift", operators, 200, "Drift of all tenants that have any", gives(s.listDrift)},
		{"POST", "/v1/drift", operators, 200, "Have changes repair it", gives(s.repairAllDrift)},
		{"GET", "/v1/orphans", operators, 200, "Cloud resources and records without each other", gives(s.listOrphans)},
		{"POST", "/v1/orphans", operators, 200, "Have changes repair them", gives(s.repairOrphans)},
		{"GET", "/v1/platforms", operators, 200, "List platforms", gives(s.listPlatforms)},
		{"POST", "/v1/platforms", operators, 201, "Add a platform; its password is shown once", takes(s.addPlatform)},
		{"GET", "/v1/platforms/{platform}", operators, 200, "Show a platform", gives(s.showPlatform)},
		{"PUT", "/v1/platforms/{platform}/rules", operators, 200, "Replace what a platform sees, may have and is answered", takes(s.setPlatformRules)},
		{"POST", "/v1/platforms/{platform}/rotate", operators, 200, "Give a platform a new password", gives(s.rotatePlatform)},
		{"DELETE", "/v1/platforms/{platform}", operators, 204, "Remove a platform's credentials", gives(s.removePlatform)},
		{"GET", "/v1/users", operators, 200, "List users", gives(s.listUsers)},
		{"POST", "/v1/users", operators, 201, "Add a user; its password is shown once", takes(s.addUser)},
		{"DELETE", "/v1/users/{user}", operators, 204, "Remove a user", gives(s.removeUser)},
		{"GET", "/v1/health", tenants, 200, "How the broker and the instances are doing, a page of these; with ?unwell=true only those that are not well", gives(s.showHealth)},

		// for machines and people
		{"GET", "/v1/openapi.json", anyone, 200, "This description", gives(s.showOpenAPI)},
		{"GET", "/healthz", anyone, 200, "The process serves", gives(s.alive)},
		{"GET", "/readyz", anyone, 200, "Requests can be served", gives(s.ready)},
		{"GET", "/metrics", anyone, 200, "Counters in the Prometheus text format", gives(s.showMetrics)},
		{"GET", "/", users, 200, "The console", gives(s.showConsole)},
	}
}
