package lambdalocal

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// limitOwnFiles makes a process that is held before its first instruction set its own limit of descriptors: it does
// one system call with arguments that are put below its stack, and is then as it was.
func limitOwnFiles(pid int, want unix.Rlimit) error {
	var before unix.PtraceRegsAmd64
	if err := unix.PtraceGetRegsAmd64(pid, &before); err != nil {
		return fmt.Errorf("read registers: %w", err)
	}
	const below = 4096 // of the stack's end, which is where the program's arguments are
	argument := uintptr(before.Rsp - below)
	value := binary.LittleEndian.AppendUint64(nil, want.Cur)
	value = binary.LittleEndian.AppendUint64(value, want.Max)
	if _, err := unix.PtracePokeData(pid, argument, value); err != nil {
		return fmt.Errorf("write argument: %w", err)
	}
	pc := uintptr(before.Rip)
	code := make([]byte, 8)
	if _, err := unix.PtracePeekText(pid, pc, code); err != nil {
		return fmt.Errorf("read code: %w", err)
	}
	if _, err := unix.PtracePokeText(pid, pc, []byte{0x0f, 0x05}); err != nil { // syscall
		return fmt.Errorf("write code: %w", err)
	}
	call := before
	call.Orig_rax = ^uint64(0) // there is no system call to be begun again
	call.Rax, call.Rdi, call.Rsi, call.Rdx, call.R10 = unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uint64(argument), 0
	if err := unix.PtraceSetRegsAmd64(pid, &call); err != nil {
		return fmt.Errorf("write registers: %w", err)
	}
	if err := unix.PtraceSingleStep(pid); err != nil {
		return fmt.Errorf("run one instruction: %w", err)
	}
	if err := awaitStop(pid); err != nil {
		return err
	}
	var after unix.PtraceRegsAmd64
	if err := unix.PtraceGetRegsAmd64(pid, &after); err != nil {
		return fmt.Errorf("read registers: %w", err)
	}
	if _, err := unix.PtracePokeText(pid, pc, code); err != nil {
		return fmt.Errorf("write code back: %w", err)
	}
	if _, err := unix.PtracePokeData(pid, argument, make([]byte, len(value))); err != nil {
		return fmt.Errorf("clear argument: %w", err)
	}
	if err := unix.PtraceSetRegsAmd64(pid, &before); err != nil {
		return fmt.Errorf("write registers back: %w", err)
	}
	if after.Rax != 0 {
		return unix.Errno(-int64(after.Rax))
	}
	return nil
}
