#pragma once

#include <base/digest.hpp>
#include <support/temp_dir.hpp>

#include <map>
#include <string>
#include <vector>

namespace dind::test {

enum class Packing { plain, gzip, zstd };
std::string pack(const std::string& bytes, Packing packing);

// An image to be: its layers are tars.
struct ImageSpec {
  std::string name; // "a/b:1"; may be empty
  std::vector<std::string> layers;
  std::string architecture = "amd64";
  std::string parent = {}; // an image's ID, for docker archives

  std::string config() const;
  Digest id() const;
};

// Files of an archive or directory, to be tampered with before they are written.
struct Files {
  std::map<std::string, std::string> contents;
  std::map<std::string, std::string> symlinks;

  // In the order of names, links last, as a tar.
  std::string tar() const;
  void write(const TempDir& dir, const std::string& below) const;
  // Adds blobs/sha256/<digest> and returns a descriptor of it, as JSON.
  std::string add_blob(const std::string& bytes, const std::string& media_type,
                       const std::string& more_members = "");
};

// What `docker save` writes through version 24: a directory a layer, a layer
// that two images share as a symlink.
Files old_docker_archive(const std::vector<ImageSpec>& images);

// What it writes from 25 on: blobs, an OCI index, and manifest.json. An engine with
// a graph driver packs layers plain; one with the containerd store as they were pulled.
Files new_docker_archive(const std::vector<ImageSpec>& images, Packing packing);

// An OCI layout whose images are annotated with their names as skopeo does it.
Files oci_layout(const std::vector<ImageSpec>& images, Packing packing);

// A manifest, with its configuration and layers, as a descriptor.
std::string add_manifest(Files& files, const ImageSpec& image, Packing packing,
                         const std::string& more_members = "");

// index.json, or the content of an index blob.
std::string index_of(const std::vector<std::string>& descriptors);

// Layers that hold about everything that a layer can: owners, setuid, capabilities,
// hard links, deletions, opaque directories, nodes, implied directories, a whiteout
// overridden, raw and long names, a sparse file, an empty layer, absolute names, names that lead
// through symlinks of the layer. To be unpacked by root.
std::vector<std::string> nasty_layers();

} // namespace dind::test
