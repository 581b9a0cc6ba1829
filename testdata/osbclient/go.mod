module github.com/bumpwire/bumpwire/testdata/osbclient

go 1.26.0

require (
	github.com/drycc-addons/go-open-service-broker-client/v2 v2.0.0-20240319023702-6c9b6bb332f9
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/go-logr/logr v1.4.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	k8s.io/klog/v2 v2.120.1 // indirect
)
