package lambdalocal

import "time"

// The limits of an init that nobody waits for: as long as the function's timeout, but no shorter than the
// one and no longer than the other (LRE: provisioned concurrency and SnapStart).
const (
	aheadInitLeast = 130 * time.Second
	aheadInitMost  = 900 * time.Second
)

// initLimit is how long the init phase may take, by how the function's environments come to be.
func (fn Function) initLimit() time.Duration {
	switch fn.InitType {
	case ProvisionedConcurrency, SnapStart:
		return max(aheadInitLeast, min(fn.Timeout, aheadInitMost))
	case ManagedInstances:
		return managedInitLimit
	}
	return initLimit
}

// initAhead tells whether the init phase is over before any invocation comes, so that none has waited for
// it.
func (fn Function) initAhead() bool {
	return fn.InitType == ProvisionedConcurrency || fn.InitType == SnapStart
}

// initPhase is the name of the init phase (TELSCH InitPhase).
func (fn Function) initPhase() string {
	if fn.InitType == SnapStart {
		return phaseSnapStart
	}
	return phaseInit
}
