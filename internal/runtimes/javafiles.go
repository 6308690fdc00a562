package runtimes

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// checkJars compares what Maven brought with the pins: every file, and no other one.
func checkJars(dir string) error {
	pinned := map[string]string{}
	for _, pin := range javaPins() {
		pinned[pin.jar] = pin.sha256
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("list what Maven brought: %w", err)
	}
	for _, e := range entries {
		if err := checkDigest(filepath.Join(dir, e.Name()), pinned[e.Name()]); err != nil {
			return err
		}
		delete(pinned, e.Name())
	}
	for jar := range pinned {
		return fmt.Errorf("nothing brought %s: Maven did not fail, but the file is not there", jar)
	}
	return nil
}

// unpackNative takes the client's native part out of its jar, as the managed runtime has it: the client
// would else write it to the function's /tmp at every start.
func unpackNative(jar, dir string) error {
	archive, err := zip.OpenReader(jar)
	if err != nil {
		return fmt.Errorf("open client: %w", err)
	}
	defer archive.Close()
	for _, f := range archive.File {
		if f.Name == "jni/"+javaNative() {
			return unpackEntry(f, filepath.Join(dir, javaNative()), 0o755)
		}
	}
	return fmt.Errorf("the client has no native part for this machine: there is no jni/%s in it", javaNative())
}

// javaEntry is the jar with the main class of the runtimes up to Java 11, whose own client is not published.
const javaEntry = "entry.jar"

// writeJavaEntry writes the jar with a class that starts the client with the handler that _HANDLER names.
func writeJavaEntry(dir string) error {
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	f, err := w.Create(strings.ReplaceAll(javaMain11, ".", "/") + ".class")
	if err == nil {
		_, err = f.Write(entryClass())
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return fmt.Errorf("make entry: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, javaEntry), jar.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write entry: %w", err)
	}
	return nil
}

// entryClass is a class file for Java 8 and newer (Java Virtual Machine Specification, chapter 4), because
// not every machine that runs Java can compile it:
//
//	public class lambdainternal.AWSLambda {
//	    public static void main(String[] args) {
//	        <the client's class>.main(new String[] {System.getenv("_HANDLER")});
//	    }
//	}
func entryClass() []byte {
	var p constantPool
	this, object := p.class(javaMain11), p.class("java.lang.Object")
	main, mainType, code := p.utf8("main"), p.utf8("([Ljava/lang/String;)V"), p.utf8("Code")
	text, setting := p.class("java.lang.String"), p.add(constString, p.utf8("_HANDLER"))
	getenv := p.method("java.lang.System", p.utf8("getenv"), p.utf8("(Ljava/lang/String;)Ljava/lang/String;"))
	client := p.method(javaMain, main, mainType)

	body := []byte{0x04} // iconst_1: the array's length
	body = be16(append(body, 0xbd), text)
	body = append(body, 0x59, 0x03)          // dup, iconst_0: its first element
	body = be16(append(body, 0x13), setting) // ldc_w
	body = be16(append(body, 0xb8), getenv)  // invokestatic
	body = append(body, 0x53)                // aastore
	body = be16(append(body, 0xb8), client)  // invokestatic
	body = append(body, 0xb1)                // return

	const publicStatic, publicSuper, java8 = 0x0009, 0x0021, 52
	const maxStack, maxLocals = 4, 1
	out := []byte{0xca, 0xfe, 0xba, 0xbe}
	out = be16(out, 0, java8, p.count+1)
	out = append(out, p.bytes...)
	out = be16(out, publicSuper, this, object, 0, 0) // no interfaces, no fields
	out = be16(out, 1, publicStatic, main, mainType, 1, code)
	out = be32(out, 12+len(body)) // the attribute: the fixed part is 12 bytes long
	out = be16(out, maxStack, maxLocals)
	out = append(be32(out, len(body)), body...)
	out = be16(out, 0, 0) // no exception table, no attributes of the code
	return be16(out, 0)   // no attributes of the class
}

// constantPool is the table that a class file begins with; indices start at 1.
type constantPool struct {
	bytes []byte
	count int
}

// The tags of constants.
const (
	constUTF8        = 1
	constClass       = 7
	constString      = 8
	constMethod      = 10
	constNameAndType = 12
)

func (p *constantPool) add(tag byte, values ...int) int {
	p.bytes = be16(append(p.bytes, tag), values...)
	p.count++
	return p.count
}

func (p *constantPool) utf8(s string) int {
	i := p.add(constUTF8, len(s))
	p.bytes = append(p.bytes, s...)
	return i
}

func (p *constantPool) class(name string) int {
	return p.add(constClass, p.utf8(strings.ReplaceAll(name, ".", "/")))
}

func (p *constantPool) method(class string, name, form int) int {
	return p.add(constMethod, p.class(class), p.add(constNameAndType, name, form))
}

func be16(b []byte, values ...int) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func be32(b []byte, v int) []byte { return binary.BigEndian.AppendUint32(b, uint32(v)) }
