// What bbolt itself says of a file, and does to it.
//
//	boltprobe check FILE OUT          checks it as bbolt does, and writes all of it to OUT as text
//	boltprobe change FILE SEED OUT    makes random changes to it first; a missing file is made
package main

import (
	"fmt"
	"log"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

func main() {
	log.SetFlags(0)
	switch arguments := os.Args[1:]; {
	case len(arguments) == 3 && arguments[0] == "check":
		database := open(arguments[1], true)
		report(database, arguments[2])
	case len(arguments) == 4 && arguments[0] == "change":
		seed, err := strconv.ParseInt(arguments[2], 10, 64)
		refuse(err)
		database := open(arguments[1], false)
		random := rand.New(rand.NewSource(seed))
		for i := 0; i < 3; i++ {
			refuse(database.Update(func(tx *bolt.Tx) error { return change(tx.Cursor().Bucket(), random, 0) }))
		}
		report(database, arguments[3])
	default:
		log.Fatal("usage: boltprobe check FILE OUT | change FILE SEED OUT")
	}
}

func open(path string, readOnly bool) *bolt.DB {
	database, err := bolt.Open(path, 0600, &bolt.Options{ReadOnly: readOnly, Timeout: time.Second})
	refuse(err)
	return database
}

func refuse(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func report(database *bolt.DB, out string) {
	var text strings.Builder
	refuse(database.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			return err
		}
		return describe(&text, "", tx.Cursor().Bucket())
	}))
	refuse(database.Close())
	refuse(os.WriteFile(out, []byte(text.String()), 0600))
}

// As support/bolt_text.hpp says it.
func describe(text *strings.Builder, path string, bucket *bolt.Bucket) error {
	fmt.Fprintf(text, "%s/ %d\n", path, bucket.Sequence())
	return bucket.ForEach(func(key, value []byte) error {
		below := fmt.Sprintf("%s/%x", path, key)
		if child := bucket.Bucket(key); child != nil {
			return describe(text, below, child)
		}
		fmt.Fprintf(text, "%s = %x\n", below, value)
		return nil
	})
}

func change(bucket *bolt.Bucket, random *rand.Rand, depth int) error {
	keys, children := namesOf(bucket)
	for _, key := range keys {
		if random.Intn(4) == 0 {
			if err := bucket.Delete([]byte(key)); err != nil {
				return err
			}
		}
	}
	for _, child := range children {
		// bbolt 1.3.6 may lose pages of buckets in the one that it deletes.
		if _, below := namesOf(bucket.Bucket([]byte(child))); len(below) == 0 && random.Intn(4) == 0 {
			if err := bucket.DeleteBucket([]byte(child)); err != nil {
				return err
			}
		} else if err := change(bucket.Bucket([]byte(child)), random, depth+1); err != nil {
			return err
		}
	}
	if depth < 4 {
		child, err := bucket.CreateBucketIfNotExists([]byte(fmt.Sprintf("bucket %d", random.Intn(3))))
		if err != nil {
			return err
		}
		if err := change(child, random, depth+1); err != nil {
			return err
		}
	}
	if depth > 0 { // the root has buckets only
		return add(bucket, random)
	}
	return nil
}

func namesOf(bucket *bolt.Bucket) (keys, children []string) {
	_ = bucket.ForEach(func(key, value []byte) error {
		if bucket.Bucket(key) != nil {
			children = append(children, string(key))
		} else {
			keys = append(keys, string(key))
		}
		return nil
	})
	return keys, children
}

func add(bucket *bolt.Bucket, random *rand.Rand) error {
	count := random.Intn(30)
	if random.Intn(150) == 0 {
		count = 2000
	}
	for i := 0; i < count; i++ {
		value := make([]byte, random.Intn(60))
		if random.Intn(200) == 0 {
			value = make([]byte, 9000)
		}
		random.Read(value)
		if err := bucket.Put([]byte(fmt.Sprintf("%x", random.Int63())), value); err != nil {
			return err
		}
	}
	return bucket.SetSequence(uint64(random.Int63()))
}
