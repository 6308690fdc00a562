package runtimes

import (
	"bytes"
	"crypto/sha256"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// Where things are in an assembly: ECMA-335, II.24.2 and II.25.
const (
	stampInHeader  = 4  // the time of the build in the COFF header, behind machine and number of sections
	peSignature    = 4  // "PE\0\0" before that header
	cliDirectory   = 14 // which of the optional header's directories has the CLI header
	metadataInCLI  = 8  // the metadata's address in the CLI header
	metadataPrefix = 16 // signature, versions, reserved and the length of the version's name
	guidSize       = 16
)

// settle makes an assembly one that its source alone decides. mcs, which has no option for it, writes the time and a random id of the
// module (its MVID) into each; the time becomes 0, and the id the hash of everything else.
func settle(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read assembly: %w", err)
	}
	id, err := settled(data)
	if err != nil {
		return fmt.Errorf("settle assembly %s: %w", path, err)
	}
	sum := sha256.Sum256(data)
	copy(id, sum[:])
	if err := os.WriteFile(path, data, 0o644); err != nil { //nolint:gosec // no secret
		return fmt.Errorf("write assembly: %w", err)
	}
	return nil
}

// settled clears the time and the module's id, and gives where the id is.
func settled(data []byte) ([]byte, error) {
	file, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	var directories []pe.DataDirectory
	switch header := file.OptionalHeader.(type) {
	case *pe.OptionalHeader32:
		directories = header.DataDirectory[:]
	case *pe.OptionalHeader64:
		directories = header.DataDirectory[:]
	default:
		return nil, errors.New("no optional header")
	}
	at := func(address uint32) int {
		for _, s := range file.Sections {
			if address >= s.VirtualAddress && address < s.VirtualAddress+s.Size {
				return int(address - s.VirtualAddress + s.Offset)
			}
		}
		return len(data)
	}
	cli := at(directories[cliDirectory].VirtualAddress) + metadataInCLI
	if cli+4 > len(data) {
		return nil, errors.New("no CLI header: it is not an assembly")
	}
	id, err := moduleID(data[min(len(data), at(binary.LittleEndian.Uint32(data[cli:]))):])
	if err != nil {
		return nil, err
	}
	header := int(binary.LittleEndian.Uint32(data[0x3c:])) + peSignature
	clear(data[header+stampInHeader : header+stampInHeader+4])
	clear(id)
	return id, nil
}

// moduleID finds the first GUID of an assembly's metadata, which is the module's id: no other is in a plain assembly.
func moduleID(metadata []byte) ([]byte, error) {
	if len(metadata) < metadataPrefix || string(metadata[:4]) != "BSJB" {
		return nil, errors.New("no metadata")
	}
	streams := metadata[metadataPrefix+min(len(metadata)-metadataPrefix, int(binary.LittleEndian.Uint32(metadata[metadataPrefix-4:]))):]
	const flagsAndCount, offsetAndSize = 4, 8
	for rest := streams[min(len(streams), flagsAndCount):]; len(rest) > offsetAndSize; {
		offset, size := int(binary.LittleEndian.Uint32(rest)), int(binary.LittleEndian.Uint32(rest[4:]))
		name, _, ok := bytes.Cut(rest[offsetAndSize:], []byte{0})
		if !ok {
			break
		}
		if string(name) == "#GUID" && size >= guidSize && offset+guidSize <= len(metadata) {
			return metadata[offset : offset+guidSize], nil
		}
		rest = rest[min(len(rest), offsetAndSize+(len(name)+4)/4*4):] // names are padded to four bytes
	}
	return nil, errors.New("no #GUID stream in the metadata")
}
