package metric

import "time"

const (
	bytesPerMB = 1 << 20
	bytesPerGB = 1 << 30 // AWS's GB of memory is 1,024 MB: aws.amazon.com/lambda/pricing, examples
)

// A price is what Lambda takes, in dollars.
type price struct{ gbSecond, request float64 }

// perRequest is the same for all kinds of functions: 0.20 dollars a million.
const perRequest = 0.20 / 1e6

// priceOf gives the list price in US East (N. Virginia), first tier, without the free tier: aws.amazon.com/lambda/pricing, which draws its tables from AWS's price
// list (AmazonLambda, usage types Lambda-GB-Second, Lambda-Provisioned-GB-Second, each also with -ARM, and Request), as 2026's readers of that list quote it. Most
// regions have the same; some are up to 40 % dearer. A provisioned environment's time is cheaper, because what it costs to keep it ready, which is not counted here, is
// paid beside it. Managed Instances cost what their EC2 instances do, and requests.
func priceOf(o Options) price {
	p := price{0.0000166667, perRequest}
	arm := o.Arch == "arm64"
	switch {
	case o.InitType == typeManaged:
		return price{0, perRequest}
	case o.GBSecond > 0:
		p.gbSecond = o.GBSecond
	case o.InitType == typeProvisioned && arm:
		p.gbSecond = 0.0000077778
	case o.InitType == typeProvisioned:
		p.gbSecond = 0.0000097222
	case arm:
		p.gbSecond = 0.0000133334
	}
	return p
}

// of gives what an invocation costs. What is billed holds the init already.
func (p price) of(billed time.Duration, memory int64) float64 {
	return billed.Seconds()*float64(memory)/bytesPerGB*p.gbSecond + p.request
}
