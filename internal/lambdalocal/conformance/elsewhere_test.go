package conformance

// pointer is a rule that only Lambda has, not its emulator, with the test that shows it.
type pointer struct {
	text, source string
	pkg, test    string
}

// The packages, seen from here, whose tests are pointed to.
const (
	local  = ".."
	stream = "../telemetry"
)

// elsewhere are the rules that AWS's emulator does not implement.
func elsewhere() []pointer {
	return []pointer{
		{"The init phase has ten seconds; what does not get through is tried again in the first invocation, within the function's timeout.", "LRE", local, "TestInitThatNeverEnds"},
		{"Provisioned environments are initialised ahead of any invocation, under a longer limit.", "LRE", local, "TestProvisionedConcurrency"},
		{"The caller has its response before the extensions are done.", "EXT", local, "TestResponseComesBeforeTheExtensionsAreDone"},
		{"Who has not registered for INVOKE is not waited for; its exit is a crash all the same.", "EXT; RIE:rapid/handlers.go", local, "TestExitOfAnExtensionThatIsNotWaitedFor"},
		{"After the last next everything stops until the next invocation.", "EXT; LRE", local, "TestFreeze"},
		{"On a timeout the reset comes before the caller's answer; on a crash after it.", "RIE:rapidcore/server.go", local, "TestWhenTheCallerIsToldOfAReset"},
		{"A tail that overruns the function's timeout resets the environment.", "EXT", local, "TestTimeoutOfTheTail"},
		{"What runs out of memory is killed and told as such.", "LRE", local, "TestOutOfMemory"},
		{"runtimeDone tells of a timeout before anybody is stopped.", "RIE:rapid/handlers.go handleReset", local, "TestResetTellsBeforeItActs"},
		{"The reason of a SHUTDOWN may be spelled in upper case.", "EXT", local, "TestReasonsInUpperCase"},
		{"An environment that nobody uses is spun down.", "reference 2.3", local, "TestPoolSpinsDownWhatIsIdle"},
		{"Several environments take invocations at once.", "LRE", local, "TestPool"},
		{"A response may be streamed, with prelude and trailers; who asks for a stream gets it piece by piece.", "RTAPI", local, "TestStreamComesPieceByPiece"},
		{"A stream may be 200 MB.", "LIM", local, "TestStreamLimits"},
		{"A stream that breaks off ends for the caller with the error of its trailers.", "RTAPI", local, "TestStreamThatBreaks"},
		{"The header X-Amzn-Trace-Id is there even when nobody gave one, and says then that it is not sampled.", "RTAPI; ENV", local, "TestTraceHeader"},
		{"SnapStart: restore/next, and an init that was long ago.", "LRE; RIE:rapid/handlers.go handleRestore", local, "TestSnapStart"},
		{"SnapStart: credentials come from an endpoint.", "RIE:rapi/handler/credentials.go", local, "TestSnapStartCredentials"},
		{"Managed instances: no extension registers for INVOKE, several invocations run at once, there is no runtimeDone.", "LMIENV", local, "TestManagedInstance"},
		{"Managed instances: a timeout ends the invocation and not the environment.", "LMIENV", local, "TestManagedTimeout"},
		{"Extensions get the function's environment without what is the runtime's own.", "EXT; RIE:rapidcore/env", local, "TestInitOrder"},
		{"/opt and /var/task are read-only, /tmp is private and survives a reset.", "LRE; LAYP", local, "TestIsolation"},
		{"The share of the CPU is that of the memory, 1,769 MB are one vCPU.", "LIM", local, "TestCPUShare"},
		{"Runtime and extensions share the memory; who takes more is killed.", "EXT", local, "TestMemoryLimit"},
		{"There are 1,024 descriptors, 4,096 on managed instances.", "LIM; LMIENV", local, "TestLimitsFromTheFirstInstruction"},
		{"There are 1,024 processes and threads.", "LIM", local, "TestProcessLimit"},
		{"Runtime and extensions are the same unprivileged user.", "EXT; RIE-LMI", local, "TestUser"},
		{"/tmp has the size that the function has.", "LIM", local, "TestTempSize"},
		{"There is no /dev/shm.", "reference 5.8", local, "TestNoSharedMemory"},
		{"After a freeze, connections that were kept alive may be dead.", "reference 2.5", local, "TestCutConnections"},
		{"Timers that became due in a freeze fire right after it.", "reference 2.5", local, "TestFrozenFor"},
		{"Reserved variables are refused.", "ENV", local, "TestStartRefusesReservedVariables"},
		{"The environment may have 4 KB.", "ENV; LIM", local, "TestCheckEnv"},
		{"START, the function's lines, END and REPORT come in this order.", "LRE", local, "TestLog"},
		{"With the log format JSON the platform's lines are events.", "TELSCH", local, "TestLogInJSON"},
		{"A subscription is checked field by field.", "TELREF", stream, "TestValidation"},
		{"There is one subscription for each extension, and none after the init.", "TELREF; RIE:rapi/handler/runtimelogs.go", stream, "TestClosedSubscriptions"},
		{"Telemetry is delivered when there are enough items, bytes, or time has passed.", "TEL", stream, "TestBuffering"},
		{"Events of the init come to those who subscribe later in it.", "TEL; reference 3.7", stream, "TestReplayAndTypes"},
		{"Deliveries are tried again while the listener is down.", "TEL", stream, "TestRetry"},
		{"What a slow listener does not take is dropped and told by logsDropped.", "TELSCH", stream, "TestOverflow"},
		{"Nothing is delivered to a frozen environment, and no time passes for the buffers.", "LRE; reference 2.5, 3.7", stream, "TestFreeze"},
		{"The report of an invocation comes after every next, and so with the next one.", "reference 3.7", local, "TestSubscriber"},
		{"The records have the fields of their schema.", "TELSCH", local, "TestRecords"},
	}
}
