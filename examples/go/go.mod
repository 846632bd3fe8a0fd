module example

go 1.25

require (
	go.bytecodealliance.org/pkg v0.4.0
	portcullis v0.2.1
)

replace (
	go.bytecodealliance.org/pkg => ../../clients/go/pkg
	portcullis => ../../clients/go
)
