package openapi

// The client is generated from payments.yaml, for the tests of the module around
// it.
//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config config.yaml payments.yaml
