module github.com/countersign/countersign/bench

go 1.26.0

replace github.com/countersign/countersign => ../

require (
	github.com/aws/aws-sdk-go-v2 v1.47.7
	github.com/countersign/countersign v0.0.0-00010101000000-000000000000
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/aws/smithy-go v1.28.8 // indirect
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)
