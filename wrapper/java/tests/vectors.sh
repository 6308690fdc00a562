#!/bin/sh
# Writes the records of the spool's vectors with the writer that ships: vectors.sh MANIFEST DIRECTORY.
set -eu
here=$(dirname "$0")
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
java "$here/Unpack.java" "$here/../afterglow-agent.classes" "$classes"
javac -cp "$classes" -d "$classes" "$here/afterglow/hook/Plain.java" "$here/afterglow/hook/Vectors.java"
java -cp "$classes" --add-exports=java.base/jdk.internal.misc=ALL-UNNAMED --add-exports=java.base/sun.nio.ch=ALL-UNNAMED afterglow.hook.Vectors "$@"
