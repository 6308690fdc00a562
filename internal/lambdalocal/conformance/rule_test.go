package conformance

import "time"

// rule is one sentence about Lambda and the run that shows it.
type rule struct {
	id, text string
	source   string // keys of the documentation, or RIE:<file> of the emulator's source

	actors   map[string]string // scripts by name; every other than "bootstrap" is an external extension
	place    func(opt string) error
	timeout  time.Duration // of the function; 0 means patience
	invoke   []invocation
	shutdown bool // end with the environment's shutdown and wait for it

	want  string        // "actor: line" lines; actors that are not named are not looked at
	order []string      // "actor: line < actor: line" of the whole trace
	log   []string      // lines that lambdalocal's log has
	lasts time.Duration // that the shutdown takes at least
	rie   verdict
}

// runtimeActor is the name of the runtime among the actors, and callerActor that of whoever invokes.
const (
	runtimeActor = "bootstrap"
	callerActor  = "caller"
)

// invocation is one request of the caller.
type invocation struct {
	payload, clientContext, tenant string
}

// once is the usual single invocation.
var once = []invocation{{payload: `{"n":1}`}}

// verdict is what AWS's emulator does about a rule. Its zero value says: the same.
type verdict struct {
	differs string   // why it does something else
	want    string   // what that is, for the actors that it is about
	log     []string // lines of its log, debugging lines included
	cannot  string   // why it is not run at all
}

func differs(why, want string) verdict { return verdict{differs: why, want: want} }
func cannot(why string) verdict        { return verdict{cannot: why} }

// Reasons that several rules share.
const (
	noInitBody = "The emulator answers an init that failed with 502 and no body, unless the runtime has told by init/error."
	marked     = "The emulator's front end answers a function's error with 200 and no X-Amz-Function-Error."
)

// part is a group of rules.
type part struct {
	title string
	rules []rule
}

func parts() []part {
	return []part{
		{"Registration", registerRules()},
		{"Events", nextRules()},
		{"Errors that an extension reports", errorRules()},
		{"Internal extensions", internalRules()},
		{"What is started, and when", launchRules()},
		{"Runtime API", runtimeRules()},
		{"Exits, timeouts, resets", lifecycleRules()},
		{"Shutdown", shutdownRules()},
	}
}

func rules() []rule {
	var all []rule
	for _, p := range parts() {
		all = append(all, p.rules...)
	}
	return all
}
