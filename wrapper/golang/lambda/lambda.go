// Package lambda starts a function as aws-lambda-go's package of that name does, with Afterglow's hook in place: to change the import is all that a function
// has to do.
//
//	import "github.com/afterglow-lambda/afterglow/wrapper/golang/lambda"
//
//	func main() { lambda.Start(handler) }
//
// It takes and gives what aws-lambda-go does, and promises what package golang does.
package lambda

import (
	"github.com/aws/aws-lambda-go/lambda"

	_ "github.com/afterglow-lambda/afterglow/wrapper/golang/auto" // puts the hook in place
)

// Start is lambda.StartWithOptions itself, of aws-lambda-go: a function of our own around it would be in every stack trace of the function's.
var Start = lambda.StartWithOptions //nolint:gochecknoglobals // see above
