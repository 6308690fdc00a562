//go:build afterglow

package main

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/afterglow-lambda/afterglow/wrapper/golang"
	_ "github.com/afterglow-lambda/afterglow/wrapper/golang/auto"
	"github.com/afterglow-lambda/afterglow/wrapper/golang/awsv2"
)

func record(cfg *aws.Config) { awsv2.Record(cfg) }

func transport(t http.RoundTripper) http.RoundTripper { return golang.Transport(t) }
