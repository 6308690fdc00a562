package enrich

import "strings"

// An address is a service of AWS in a region, by the names that requests are signed for: sqs, dynamodb, execute-api, …
type address struct{ service, region string }

// readScope reads the credential scope of a signed request (header, or query of a presigned URL). It names service and region
// whatever the host is: a custom endpoint, a VPC endpoint, a local AWS, any partition.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func readScope(r request) address {
	scope := r.query.Get("X-Amz-Credential")
	if authorization := r.requestHeader("authorization"); strings.HasPrefix(authorization, "AWS4-") {
		_, scope, _ = strings.Cut(authorization, "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
	}
	parts := strings.Split(strings.TrimSpace(scope), "/")
	n := len(parts)
	if n < 4 || parts[n-1] != "aws4_request" || !isName(parts[n-2]) {
		return address{}
	}
	a := address{service: parts[n-2]}
	if n >= 5 && isName(parts[n-3]) { // access key / date / region / service / aws4_request; the asymmetric variant has no region
		a.region = parts[n-3]
	}
	return a
}

// readHost reads a host of AWS's own. What it does not know is address{}. The domains of the partitions are those of the SDKs' partitions.json.
// https://docs.aws.amazon.com/general/latest/gr/rande.html
func readHost(host string) address {
	rest, ok := cutAWSDomain(host)
	if !ok {
		return address{}
	}
	labels := strings.Split(rest, ".")
	var a address
	for i, label := range labels {
		if isRegion(label) && a.region == "" && i > 0 {
			a.region = label
		}
	}
	// The service is the label before the region, else the last one; some put dualstack, vpce or their own word in between.
	for i := len(labels) - 1; i >= 0; i-- {
		label := strings.TrimSuffix(labels[i], "-fips")
		if isRegion(label) || label == "dualstack" || label == "vpce" || label == "amazonaws" {
			continue
		}
		a.service = label
		break
	}
	switch {
	case ofUsers(a.service), !isName(a.service):
		return address{region: a.region}
	case a.service == "queue": // SQS, long ago: queue.amazonaws.com, eu-west-1.queue.amazonaws.com
		a.service = "sqs"
		if isRegion(labels[0]) {
			a.region = labels[0]
		}
	case a.service == "ddb": // <account>.ddb.<region>
		a.service = "dynamodb"
	case strings.HasPrefix(a.service, "s3express-"):
		a.service = "s3express"
	case strings.HasPrefix(a.service, "s3-") && isRegion(a.service[3:]): // s3-eu-west-1.amazonaws.com
		a.service, a.region = "s3", a.service[3:]
	case strings.HasPrefix(a.service, "s3-"): // s3-accesspoint, s3-accelerate, s3-object-lambda, s3-outposts
		a.service = "s3"
	}
	return a
}

// ofUsers tells whether what answers under this name is the user's own, though the domain is AWS's: what the call was for is then not in AWS's
// API but in the user's.
func ofUsers(service string) bool {
	switch service {
	case "elb", "appsync-api", "lambda-url", "execute-api", "compute":
		return true
	}
	return strings.HasPrefix(service, "compute-") || strings.HasPrefix(service, "s3-website")
}

// cutAWSDomain takes the domain of a partition off a host.
func cutAWSDomain(host string) (rest string, ok bool) {
	for _, domain := range [...]string{
		".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn", ".on.aws", ".amazonaws.eu", ".api.amazonwebservices.eu",
		".c2s.ic.gov", ".sc2s.sgov.gov", ".cloud.adc-e.uk", ".csp.hci.ic.gov", // and those for IPv4 and IPv6
		".api.aws.ic.gov", ".api.aws.scloud", ".api.cloud-aws.adc-e.uk", ".api.aws.hci.ic.gov",
	} {
		if rest, ok := strings.CutSuffix(host, domain); ok && rest != "" {
			return rest, true
		}
	}
	return "", false
}

// isRegion tells whether a label looks like a region: eu-west-1, us-gov-west-1, cn-north-1, us-iso-east-1, eusc-de-east-1.
func isRegion(label string) bool {
	last := strings.LastIndexByte(label, '-')
	if last < 0 {
		return false
	}
	words, number := label[:last], label[last+1:]
	if len(number) != 1 || number[0] < '0' || number[0] > '9' {
		return false
	}
	first, rest, _ := strings.Cut(words, "-")
	second, third, more := strings.Cut(rest, "-")
	return len(first) >= 2 && len(first) <= 4 && isLower(first) && isLower(second) && (!more || isLower(third))
}

// isLower tells whether s is of lower-case letters.
func isLower(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

// isName tells whether s can be the name of a service or region: nothing else may come into a span's name out of a header.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
