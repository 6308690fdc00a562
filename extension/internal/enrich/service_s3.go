package enrich

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/afterglow-lambda/afterglow/extension/internal/event"
)

// s3 speaks REST: bucket and key are in host and path, the operation is in the method and in names of the query.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
func s3() service {
	return service{name: "S3", ids: [mostIDs]string{"s3", "s3express", "s3-object-lambda", "s3-outposts"}, recognise: recogniseS3}
}

func recogniseS3(r request, t *event.Target) {
	bucket, key := s3Object(r.host, r.path)
	t.Resource = bucket
	t.Operation = s3Operation(r, bucket != "", key != "")
	t.Attributes = text(t.Attributes, "aws.s3.bucket", bucket)
	t.Attributes = text(t.Attributes, "aws.s3.key", key)
	t.Attributes = text(t.Attributes, "aws.s3.copy_source", r.requestHeader("x-amz-copy-source"))
	t.Attributes = text(t.Attributes, "aws.s3.upload_id", r.query.Get("uploadId"))
	if n, err := strconv.Atoi(r.query.Get("partNumber")); err == nil {
		t.Attributes = append(t.Attributes, event.Attribute{Name: "aws.s3.part_number", Value: int64(n)})
	}
	t.Attributes = text(t.Attributes, "aws.extended_request_id", r.responseHeader("x-amz-id-2"))
	if id := t.RequestID; id != "" {
		t.Key = &event.Key{Space: spaceS3, ID: id}
	}
}

// s3Object takes bucket and key out of an address of virtual-host style (the bucket is part of the host) or path style.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
func s3Object(host, path string) (bucket, key string) {
	path = strings.TrimPrefix(path, "/")
	if bucket = s3HostBucket(host); bucket != "" {
		return bucket, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// s3HostBucket gives what stands before S3's own labels. Bucket names may hold dots, and even ".s3.": the last such label is S3's.
func s3HostBucket(host string) string {
	at := max(strings.LastIndex(host, ".s3."), strings.LastIndex(host, ".s3-"), strings.LastIndex(host, ".s3express-"))
	if at > 0 {
		return host[:at]
	}
	if bucket, ok := strings.CutSuffix(host, ".localhost"); ok { // of a local AWS
		return bucket
	}
	return ""
}

// s3Operation names the operation. SDKs that say it themselves are believed.
func s3Operation(r request, bucket, key bool) string {
	if id := r.query.Get("x-id"); id != "" && isName(id) {
		return id
	}
	switch {
	case !bucket:
		return "ListBuckets"
	case key:
		return s3ObjectOperation(r.call.Method, r.query, r.requestHeader("x-amz-copy-source") != "")
	}
	return s3BucketOperation(r.call.Method, r.query)
}

func s3ObjectOperation(method string, query url.Values, copies bool) string {
	if noun := s3SubResource(query); noun != "" {
		return verb(method) + "Object" + noun
	}
	switch {
	case method == "GET" && query.Has("uploadId"):
		return "ListParts"
	case method == "GET":
		return "GetObject"
	case method == "HEAD":
		return "HeadObject"
	case method == "PUT" && query.Has("partNumber") && copies:
		return "UploadPartCopy"
	case method == "PUT" && query.Has("partNumber"):
		return "UploadPart"
	case method == "PUT" && copies:
		return "CopyObject"
	case method == "PUT":
		return "PutObject"
	case method == "POST" && query.Has("uploads"):
		return "CreateMultipartUpload"
	case method == "POST" && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case method == "POST" && query.Has("restore"):
		return "RestoreObject"
	case method == "POST" && query.Has("select"):
		return "SelectObjectContent"
	case method == "DELETE" && query.Has("uploadId"):
		return "AbortMultipartUpload"
	case method == "DELETE":
		return "DeleteObject"
	}
	return ""
}

func s3BucketOperation(method string, query url.Values) string {
	switch {
	case method == "GET" && query.Get("list-type") == "2":
		return "ListObjectsV2"
	case method == "GET" && query.Has("uploads"):
		return "ListMultipartUploads"
	case method == "GET" && query.Has("versions"):
		return "ListObjectVersions"
	case method == "POST" && query.Has("delete"):
		return "DeleteObjects"
	}
	if noun := s3SubResource(query); noun != "" {
		return verb(method) + "Bucket" + noun
	}
	switch method {
	case "GET":
		return "ListObjects"
	case "HEAD":
		return "HeadBucket"
	case "PUT":
		return "CreateBucket"
	case "DELETE":
		return "DeleteBucket"
	}
	return ""
}

// s3SubResource names the part of a bucket or object that a name in the query selects.
func s3SubResource(query url.Values) string {
	for _, sub := range [...][2]string{
		{"acl", "Acl"}, {"tagging", "Tagging"}, {"attributes", "Attributes"}, {"retention", "Retention"}, {"legal-hold", "LegalHold"},
		{"torrent", "Torrent"}, {"location", "Location"}, {"policy", "Policy"}, {"versioning", "Versioning"}, {"cors", "Cors"},
		{"lifecycle", "LifecycleConfiguration"}, {"notification", "NotificationConfiguration"}, {"encryption", "Encryption"},
		{"website", "Website"}, {"logging", "Logging"}, {"replication", "Replication"}, {"object-lock", "ObjectLockConfiguration"},
	} {
		if query.Has(sub[0]) {
			return sub[1]
		}
	}
	return ""
}

func verb(method string) string {
	switch method {
	case "PUT", "POST":
		return "Put"
	case "DELETE":
		return "Delete"
	}
	return "Get"
}
