package tools

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

//go:embed peers.txt
var peers []byte

// oldestPeersPython is what some of the pinned packages ask for.
const oldestPeersPython = "3.11"

// ErrOldPython says that this machine's Python is too old for the peers.
var ErrOldPython = errors.New("python is too old")

// Others are programs of others that the local run and the construct are tested with.
type Others struct {
	Moto    string // moto_server: AWS-compatible, and no MiniStack
	AWSCLI  string // aws
	CFNLint string // cfn-lint, which moto needs
}

// Peers installs moto and the AWS CLI into a folder.
func Peers(ctx context.Context, m Machine, folder string, output io.Writer) (Others, error) {
	if older(m.PythonVersion, oldestPeersPython) {
		return Others{}, fmt.Errorf("moto and the AWS CLI want Python %s: %w: %s", oldestPeersPython, ErrOldPython, m.PythonVersion)
	}
	dir := placeOf(folder, "peers")
	if err := installPython(ctx, m, dir, peers, output); err != nil {
		return Others{}, fmt.Errorf("install moto and the AWS CLI: %w", err)
	}
	return Others{Moto: filepath.Join(dir, "bin", "moto_server"), AWSCLI: filepath.Join(dir, "bin", "aws"), CFNLint: filepath.Join(dir, "bin", "cfn-lint")}, nil
}
