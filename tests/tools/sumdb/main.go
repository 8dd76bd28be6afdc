// Sumdb checks a log that avouch published, and proofs from it, with nothing but Go's own
// golang.org/x/mod/sumdb packages: note for signatures, tlog for trees and tiles.
//
//	sumdb VKEY PUBLISHED PROOF CONSISTENCY OLD-CHECKPOINT
//
// PUBLISHED is the folder of `avouch log publish`, PROOF a tlog-proof file of its newest checkpoint with the
// statement as extra data, and CONSISTENCY a proof from OLD-CHECKPOINT to the newest.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 6 {
		fail("usage: sumdb VKEY PUBLISHED PROOF CONSISTENCY OLD-CHECKPOINT")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	check(err)
	dir := os.Args[2]
	tree := open(read(filepath.Join(dir, "checkpoint")), verifier)
	// This reader refuses every tile that does not lead to the tree's root.
	hashes := tlog.TileHashReader(tree, tiles(dir))

	entries := 0
	for n := int64(0); n < tree.N; n++ {
		stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, n)})
		check(err)
		if tlog.RecordHash(entry(dir, tree.N, n)) != stored[0] {
			fail("entry %d is not the one in the tree", n)
		}
		entries++
	}

	index, extra, path, proven := tlogProof(read(os.Args[3]), verifier)
	if proven != tree {
		fail("the proof is for another checkpoint")
	}
	digest := sha256.Sum256(extra)
	check(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(digest[:])))
	own, err := tlog.ProveRecord(tree.N, index, hashes)
	check(err)
	same(own, path)

	old := open(read(os.Args[5]), verifier)
	head, later := cut(read(os.Args[4]))
	if open(later, verifier) != tree {
		fail("the consistency proof is for another checkpoint")
	}
	if head[0] != fmt.Sprintf("old %d", old.N) {
		fail("the consistency proof starts elsewhere")
	}
	grown := tlog.TreeProof(decode(head[1:]))
	check(tlog.CheckTree(grown, tree.N, tree.Hash, old.N, old.Hash))
	ownTree, err := tlog.ProveTree(tree.N, old.N, hashes)
	check(err)
	same(ownTree, grown)

	fmt.Printf("%d entries, 1 inclusion proof, 1 consistency proof\n", entries)
}

// Open checks a checkpoint's signature and reads its first three lines.
func open(text []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		fail("not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

// TlogProof takes a c2sp.org/tlog-proof@v1 file apart.
func tlogProof(text []byte, verifier note.Verifier) (int64, []byte, tlog.RecordProof, tlog.Tree) {
	head, later := cut(text)
	if head[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a tlog-proof")
	}
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(head[1], "extra "))
	check(err)
	index, err := strconv.ParseInt(strings.TrimPrefix(head[2], "index "), 10, 64)
	check(err)
	return index, extra, tlog.RecordProof(decode(head[3:])), open(later, verifier)
}

// Cut separates the lines before the first blank line from the note behind it.
func cut(text []byte) ([]string, []byte) {
	head, later, found := bytes.Cut(text, []byte("\n\n"))
	if !found {
		fail("no blank line")
	}
	return strings.Split(string(head), "\n"), later
}

func decode(lines []string) []tlog.Hash {
	hashes := []tlog.Hash{}
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		check(err)
		hashes = append(hashes, hash)
	}
	return hashes
}

func same(a, b []tlog.Hash) {
	if fmt.Sprint(a) != fmt.Sprint(b) {
		fail("Go's proof is another")
	}
}

// Tiles reads tiles of height 8 where c2sp.org/tlog-tiles puts them.
type tiles string

func (tiles) Height() int { return 8 }

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (dir tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := [][]byte{}
	for _, tile := range wanted {
		path := filepath.Join(string(dir), "tile", strconv.Itoa(tile.L), place(tile.N, tile.W))
		bytes, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		data = append(data, bytes)
	}
	return data, nil
}

// Entry finds an entry in its bundle of a tree of this size.
func entry(dir string, size, n int64) []byte {
	width := size - n/256*256
	if width > 256 {
		width = 256
	}
	bundle := read(filepath.Join(dir, "tile", "entries", place(n/256, int(width))))
	for skip := n % 256; ; skip-- {
		length := int(binary.BigEndian.Uint16(bundle))
		if skip == 0 {
			return bundle[2 : 2+length]
		}
		bundle = bundle[2+length:]
	}
}

// Place writes a tile's index and width.
func place(n int64, width int) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	if width < 256 {
		text += fmt.Sprintf(".p/%d", width)
	}
	return text
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	check(err)
	return data
}

func check(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "sumdb: "+format+"\n", args...)
	os.Exit(1)
}
