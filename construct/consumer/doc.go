// Package consumer holds the tests of the construct as users have it: from a project outside this module that requires it.
//
// It is all tests. They pack the working tree as a version of the module, put it behind a GOPROXY of files, and make projects that get it from there, by a
// replace directive and with a vendor directory. The projects' app, testdata/shop, is synthesised, deployed to the local AWS, updated, rolled back and
// destroyed, and its functions have to answer the same all the way.
//
// What they leave in the user's module cache, which they need because it has the CDK, they remove.
package consumer
