package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

// Beside each call, the program can do as little as a hook could: hand over two records of this size.
const (
	recordSize = 2600
	room       = 1 << 20 // in a memory map, for all of an invocation
)

// beside gives what hands over a record into a file, and what ends it.
func beside(kind, path string) (record func(), done func(), err error) {
	data := bytes.Repeat([]byte("r"), recordSize)
	flags := os.O_CREATE | os.O_RDWR
	if kind == "append" {
		flags |= os.O_APPEND
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return nil, nil, err
	}
	fd, at := int(file.Fd()), 0
	end := func() { file.Close(); os.Remove(path) }
	if kind == "append" {
		return func() {
			if _, err := syscall.Write(fd, data); err != nil {
				panic(err)
			}
		}, end, nil
	}
	if err := syscall.Fallocate(fd, 0, 0, room); err != nil {
		return nil, nil, err
	}
	populate := map[string]int{"map": 0, "populated map": syscall.MAP_POPULATE}
	extra, ok := populate[kind]
	if !ok {
		return nil, nil, fmt.Errorf("beside calls: %q is unknown", kind)
	}
	memory, err := syscall.Mmap(fd, 0, room, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED|extra)
	if err != nil {
		return nil, nil, err
	}
	return func() { at += copy(memory[at:], data) }, func() {
		syscall.Munmap(memory)
		file.Truncate(int64(at))
		end()
	}, nil
}
