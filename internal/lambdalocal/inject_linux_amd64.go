package lambdalocal

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// limitOwnFiles makes a process that is held set its own limit of descriptors.
func limitOwnFiles(pid int, want unix.Rlimit) error {
	value := binary.LittleEndian.AppendUint64(nil, want.Cur)
	value = binary.LittleEndian.AppendUint64(value, want.Max)
	return inject(pid, value, func(call *unix.PtraceRegsAmd64, data uint64) {
		call.Rax, call.Rdi, call.Rsi, call.Rdx, call.R10 = unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, data, 0
	})
}

// closeOwnFiles makes a process that is held close all descriptors from one on.
func closeOwnFiles(pid, first int) error {
	return inject(pid, nil, func(call *unix.PtraceRegsAmd64, _ uint64) {
		call.Rax, call.Rdi, call.Rsi, call.Rdx = unix.SYS_CLOSE_RANGE, uint64(first), 1<<32-1, 0
	})
}

// inject makes a process that is held before its first instruction do one system call, and is then as it was. Data for
// the call is put below its stack.
func inject(pid int, data []byte, set func(call *unix.PtraceRegsAmd64, data uint64)) error {
	var before unix.PtraceRegsAmd64
	if err := unix.PtraceGetRegsAmd64(pid, &before); err != nil {
		return fmt.Errorf("read registers: %w", err)
	}
	const below = 4096 // of the stack's end, which is where the program's arguments are
	argument := uintptr(before.Rsp - below)
	if err := poke(pid, argument, data); err != nil {
		return fmt.Errorf("write argument: %w", err)
	}
	call := before
	call.Orig_rax = ^uint64(0) // there is no system call to be begun again
	set(&call, uint64(argument))
	result, err := step(pid, call)
	if err != nil {
		return err
	}
	if err := poke(pid, argument, make([]byte, len(data))); err != nil {
		return fmt.Errorf("clear argument: %w", err)
	}
	if err := unix.PtraceSetRegsAmd64(pid, &before); err != nil {
		return fmt.Errorf("write registers back: %w", err)
	}
	if result < 0 {
		return unix.Errno(-result)
	}
	return nil
}

func poke(pid int, at uintptr, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	_, err := unix.PtracePokeData(pid, at, data)
	return err
}

// step does the system call that the registers describe, where they stand, and puts the code there back.
func step(pid int, call unix.PtraceRegsAmd64) (result int64, err error) {
	pc := uintptr(call.Rip)
	code := make([]byte, 8)
	if _, err := unix.PtracePeekText(pid, pc, code); err != nil {
		return 0, fmt.Errorf("read code: %w", err)
	}
	if _, err := unix.PtracePokeText(pid, pc, []byte{0x0f, 0x05}); err != nil { // syscall
		return 0, fmt.Errorf("write code: %w", err)
	}
	if err := unix.PtraceSetRegsAmd64(pid, &call); err != nil {
		return 0, fmt.Errorf("write registers: %w", err)
	}
	if err := unix.PtraceSingleStep(pid); err != nil {
		return 0, fmt.Errorf("run one instruction: %w", err)
	}
	if err := awaitStop(pid); err != nil {
		return 0, err
	}
	var after unix.PtraceRegsAmd64
	if err := unix.PtraceGetRegsAmd64(pid, &after); err != nil {
		return 0, fmt.Errorf("read registers: %w", err)
	}
	if _, err := unix.PtracePokeText(pid, pc, code); err != nil {
		return 0, fmt.Errorf("write code back: %w", err)
	}
	return int64(after.Rax), nil
}
