package main

import (
	"flag"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/afterglow-lambda/afterglow/infra/local/control"
)

func TestChoose(t *testing.T) {
	known := []control.Function{
		{Name: "Shop-Orders1A2B-Xyz", LogicalID: "Orders1A2B"}, {Name: "Shop-OrdersArchive9-Abc", LogicalID: "OrdersArchive9"},
		{Name: "orders-audit", LogicalID: "Trail77"}, {Name: "orders"},
	}
	tests := []struct{ name, wanted, want, wantErr string }{
		{"a name", "orders", "orders", ""},
		{"a logical id", "Orders1A2B", "Shop-Orders1A2B-Xyz", ""},
		{"a part", "archive", "Shop-OrdersArchive9-Abc", ""},
		{"a part of a logical id", "Trail", "orders-audit", ""},
		{"an ARN", "arn:aws:lambda:us-east-1:000000000000:function:orders", "orders", ""},
		{"an ARN with an alias", "arn:aws:lambda:us-east-1:000000000000:function:orders:live", "orders:live", ""},
		{"a part with a version", "audit:7", "orders-audit:7", ""},
		{"a part of several", "Shop", "", "Shop-Orders1A2B-Xyz\n  Shop-OrdersArchive9-Abc"},
		{"nothing", "ghost", "", "there are\n  Shop-Orders1A2B-Xyz"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := choose(test.wanted, known)
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	if _, err := choose("orders", nil); err == nil {
		t.Error("there are none: got no error")
	}
}

// Ids as the CDK has made them: Py and Py2 in the stacks Mine and Yours, Handler in Api, and Worker in a stage's stack.
func TestChooseByConstruct(t *testing.T) {
	known := []control.Function{
		{Name: "Mine-Py1", LogicalID: logicalID([]string{"Py", "Resource"}), Stack: "Mine"},
		{Name: "Mine-Py2", LogicalID: logicalID([]string{"Py2", "Resource"}), Stack: "Mine"},
		{Name: "Mine-ApiHandler", LogicalID: logicalID([]string{"Api", "Handler", "Resource"}), Stack: "Mine"},
		{Name: "Mine-HandlerTwo", LogicalID: logicalID([]string{"HandlerTwo", "Resource"}), Stack: "Mine"},
		{Name: "Mine-Same", LogicalID: logicalID([]string{"Same", "Resource"}), Stack: "Mine"},
		{Name: "Yours-Same", LogicalID: logicalID([]string{"Same", "Resource"}), Stack: "Yours"},
		{Name: "Prod-Mine-Same", LogicalID: logicalID([]string{"Same", "Resource"}), Stack: "Prod-Mine"},
	}
	tests := []struct{ name, wanted, want, wantErr string }{
		{"an id", "Py", "Mine-Py1", ""},
		{"an id with an alias", "Py:live", "Mine-Py1:live", ""},
		{"an id that has another as a part", "Py2", "Mine-Py2", ""},
		{"a path with the stack", "Mine/Py", "Mine-Py1", ""},
		{"a path down to the resource", "Mine/Py/Resource", "Mine-Py1", ""},
		{"a path below the stack", "Api/Handler", "Mine-ApiHandler", ""},
		{"an id further down", "Handler", "Mine-ApiHandler", ""},
		{"an id in several stacks", "Same", "", "Yours-Same"},
		{"which of several stacks", "Yours/Same", "Yours-Same", ""},
		{"a stack in a stage", "Prod/Mine/Same", "Prod-Mine-Same", ""},
		{"a path that is not there", "Mine/Ghost", "", "there is no function"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := choose(test.wanted, known)
			if got != test.want || (err != nil) != (test.wantErr != "") || err != nil && !strings.Contains(err.Error(), test.wantErr) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

// TestLogicalID has the CDK's own as the truth.
func TestLogicalID(t *testing.T) {
	for path, want := range map[string]string{
		"Py/Resource": "Py72E667BC", "Py38/Resource": "Py383B09CDF4", "Img": "Img",
		"Rest/Default/{proxy+}/ANY/Resource":       "RestproxyANYB8F8E428",
		"Rest/Default/ANY/Resource":                "RestANYCE895D35",
		"Py/ServiceRole/DefaultPolicy/Resource":    "PyServiceRoleDefaultPolicyF51656ED",
		"Http/DefaultStage/Resource":               "HttpDefaultStageE6653C08",
		"Py/SqsEventSource:MineQ85653001/Resource": "PySqsEventSourceMineQ8565300138BD8919",
	} {
		if got := logicalID(strings.Split(path, "/")); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct{ name, args, want, wantValue string }{
		{"flags first", "-v 1 a b", "a b", "1"},
		{"flags last", "a b -v 1", "a b", "1"},
		{"flags between", "a -v 1 b", "a b", "1"},
		{"after --", "a -v 1 -- -x b", "a -x b", "1"},
		{"-- only", "-- -v 1", "-v 1", ""},
		{"none", "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			flags := flag.NewFlagSet("", flag.ContinueOnError)
			flags.SetOutput(io.Discard)
			value := flags.String("v", "", "")
			got, err := parse(flags, strings.Fields(test.args))
			if err != nil || !slices.Equal(got, strings.Fields(test.want)) || *value != test.wantValue {
				t.Errorf("got %q, %q, %v", got, *value, err)
			}
		})
	}
}

func TestCredentialsOf(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		want [4]string // region, access key, secret key, session token
	}{
		{"none", nil, [4]string{"us-east-1", "local", "local", ""}},
		{"the user's", map[string]string{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "x", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"},
			[4]string{"eu-west-1", "a", "s", "t"}},
		{"the region's older name", map[string]string{"AWS_DEFAULT_REGION": "eu-west-1"}, [4]string{"eu-west-1", "local", "local", ""}},
		{"a token of somebody else", map[string]string{"AWS_SESSION_TOKEN": "t"}, [4]string{"us-east-1", "local", "local", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := credentialsOf(func(name string) string { return test.env[name] })
			if have := [4]string{got.Region, got.AccessKey, got.SecretKey, got.SessionToken}; have != test.want {
				t.Errorf("got %v", have)
			}
		})
	}
}
