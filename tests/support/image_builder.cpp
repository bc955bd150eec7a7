#include <support/image_builder.hpp>

#include <archive/compression.hpp>
#include <archive/sha256.hpp>
#include <support/tar_builder.hpp>
#include <sys/file.hpp>

#include <fmt/format.h>
#include <zstd.h>

namespace dind::test {
namespace {

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";

std::string layer_type(Packing packing) {
  const std::string plain = "application/vnd.oci.image.layer.v1.tar";
  return packing == Packing::plain ? plain : plain + (packing == Packing::gzip ? "+gzip" : "+zstd");
}

std::string list_of(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ","));
}

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

std::string docker_item(const ImageSpec& image, const std::string& config_file,
                        const std::vector<std::string>& layer_files) {
  std::vector<std::string> quoted_files;
  for (const std::string& file : layer_files) {
    quoted_files.push_back(quoted(file));
  }
  return fmt::format(R"({{"Config":"{}","RepoTags":{},"Layers":{}{}}})", config_file,
                     image.name.empty() ? "null" : "[" + quoted(image.name) + "]",
                     list_of(quoted_files),
                     image.parent.empty() ? "" : ",\"Parent\":" + quoted(image.parent));
}

std::string name_annotation(const std::string& key, const std::string& name) {
  return name.empty() ? "" : fmt::format(R"(,"annotations":{{"{}":"{}"}})", key, name);
}

} // namespace

std::string pack(const std::string& bytes, Packing packing) {
  if (packing == Packing::gzip) {
    archive::GzipWriter gzip;
    gzip.write(bytes);
    gzip.finish();
    return gzip.take();
  }
  if (packing == Packing::zstd) {
    std::string packed(ZSTD_compressBound(bytes.size()), '\0');
    packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
    return packed;
  }
  return bytes;
}

std::string ImageSpec::config() const {
  std::vector<std::string> diff_ids;
  for (const std::string& layer : layers) {
    diff_ids.push_back(quoted(archive::sha256_of(layer).text()));
  }
  return fmt::format(R"({{"architecture":"{}","os":"linux","config":{{}},)"
                     R"("rootfs":{{"type":"layers","diff_ids":{}}}}})",
                     architecture, list_of(diff_ids));
}

Digest ImageSpec::id() const {
  return archive::sha256_of(config());
}

std::string Files::tar() const {
  TarBuilder tar;
  for (const auto& [name, content] : contents) {
    tar.file(name, content);
  }
  for (const auto& [name, target] : symlinks) {
    tar.symlink(name, target);
  }
  return tar.finish();
}

void Files::write(const TempDir& dir, const std::string& below) const {
  for (const auto& [name, content] : contents) {
    dir.write(below + "/" + name, content);
  }
}

std::string Files::add_blob(const std::string& bytes, const std::string& media_type,
                            const std::string& more_members) {
  const Digest digest = archive::sha256_of(bytes);
  contents["blobs/sha256/" + digest.hex()] = bytes;
  return fmt::format(R"({{"mediaType":"{}","digest":"{}","size":{}{}}})", media_type, digest.text(),
                     bytes.size(), more_members);
}

Files old_docker_archive(const std::vector<ImageSpec>& images) {
  Files files;
  std::map<std::string, std::string> written; // by layer
  std::vector<std::string> items;
  std::size_t number = 0;
  for (const ImageSpec& image : images) {
    std::vector<std::string> layer_files;
    for (const std::string& layer : image.layers) {
      const std::string id = archive::sha256_of(fmt::format("layer {}", number++)).hex();
      const std::string file = id + "/layer.tar";
      const auto [at, is_new] = written.emplace(layer, file);
      if (is_new) {
        files.contents[file] = layer;
      } else {
        files.symlinks[file] = "../" + at->second;
      }
      files.contents[id + "/VERSION"] = "1.0";
      layer_files.push_back(file);
    }
    const std::string config_file = image.id().hex() + ".json";
    files.contents[config_file] = image.config();
    items.push_back(docker_item(image, config_file, layer_files));
  }
  files.contents["manifest.json"] = list_of(items);
  return files;
}

std::string add_manifest(Files& files, const ImageSpec& image, Packing packing,
                         const std::string& more_members) {
  const std::string config = files.add_blob(image.config(), kConfigType);
  std::vector<std::string> layers;
  for (const std::string& layer : image.layers) {
    layers.push_back(files.add_blob(pack(layer, packing), layer_type(packing)));
  }
  const std::string manifest =
      fmt::format(R"({{"schemaVersion":2,"mediaType":"{}","config":{},"layers":{}}})",
                  kManifestType, config, list_of(layers));
  return files.add_blob(manifest, kManifestType, more_members);
}

std::string index_of(const std::vector<std::string>& descriptors) {
  return fmt::format(R"({{"schemaVersion":2,"manifests":{}}})", list_of(descriptors));
}

Files new_docker_archive(const std::vector<ImageSpec>& images, Packing packing) {
  Files files;
  std::vector<std::string> items;
  std::vector<std::string> manifests;
  for (const ImageSpec& image : images) {
    manifests.push_back(
        add_manifest(files, image, packing,
                     name_annotation("io.containerd.image.name",
                                     image.name.empty() ? "" : "docker.io/library/" + image.name)));
    std::vector<std::string> layer_files;
    for (const std::string& layer : image.layers) {
      layer_files.push_back("blobs/sha256/" + archive::sha256_of(pack(layer, packing)).hex());
    }
    items.push_back(docker_item(image, "blobs/sha256/" + image.id().hex(), layer_files));
  }
  files.contents["manifest.json"] = list_of(items);
  files.contents["index.json"] = index_of(manifests);
  files.contents["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return files;
}

Files oci_layout(const std::vector<ImageSpec>& images, Packing packing) {
  Files files;
  std::vector<std::string> manifests;
  for (const ImageSpec& image : images) {
    manifests.push_back(add_manifest(
        files, image, packing, name_annotation("org.opencontainers.image.ref.name", image.name)));
  }
  files.contents["index.json"] = index_of(manifests);
  files.contents["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  return files;
}

std::vector<std::string> nasty_layers() {
  // struct vfs_cap_data of linux/capability.h: revision 2, CAP_NET_RAW, effective.
  const std::string capability("\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00"
                               "\x00\x00\x00\x00\x00\x00\x00\x00",
                               20);
  const auto member = [](const std::string& name, char type, std::uint32_t mode) {
    return TarMember{.name = name, .type = type, .content = {}, .mode = mode};
  };
  TarMember su = member("bin/su", '0', 04755);
  su.content = std::string(3000, 's');
  TarMember ping = member("bin/ping", '0', 0755);
  ping.content = "ping";
  ping.pax = {{"SCHILY.xattr.security.capability", capability}};
  TarMember mine = member("home/u/mine", '0', 0600);
  mine.content = "mine";
  mine.uid = 1000;
  mine.gid = 1001;
  TarMember home = member("home/u", '5', 02750);
  home.uid = 1000;
  home.gid = 1001;
  TarMember fraction = member("etc/fraction", '0', 0644);
  fraction.content = "f";
  fraction.pax = {{"mtime", "1600000000.123456789"}};
  TarMember linked = member("bin/sudo", '1', 04711);
  linked.link_name = "bin/su";
  linked.gid = 7;
  TarMember own_link = member("lib", '2', 0777);
  own_link.link_name = "usr/lib";
  own_link.uid = 5;
  TarMember tty = member("dev/tty", '3', 0620);
  tty.gid = 5;
  tty.device_major = 5;
  TarMember disk = member("dev/disk", '4', 0660);
  disk.device_major = 8;
  disk.device_minor = 1;
  TarMember tty2 = member("dev/tty2", '1', 0600);
  tty2.link_name = "dev/tty";
  TarMember ancient = member("etc/ancient", '0', 0444);
  ancient.mtime = -5;
  const std::string base = TarBuilder()
                               .directory("bin")
                               .add(su)
                               .add(linked)
                               .add(ping)
                               .file("etc/passwd", "root:x:0:0\n")
                               .add(fraction)
                               .add(ancient)
                               .add(home)
                               .add(mine)
                               .add(own_link)
                               .directory("dev")
                               .add(tty)
                               .add(disk)
                               .add(tty2)
                               .fifo("run/pipe")
                               .directory("secret", 0)
                               .file("secret/f", "hidden", 0)
                               .finish();
  TarMember sparse = member("var/sparse", '0', 0644);
  sparse.content = "1\n1048576\n4096\n";
  sparse.content.resize(512);
  sparse.content += std::string(4096, 'S');
  sparse.pax = {{"GNU.sparse.major", "1"},
                {"GNU.sparse.minor", "0"},
                {"GNU.sparse.name", "var/sparse"},
                {"GNU.sparse.realsize", "2000000"}};
  const std::string changes = TarBuilder()
                                  .whiteout("etc/passwd")
                                  .whiteout("etc/never")
                                  .opaque("home/u")
                                  .file("home/u/new", "new")
                                  .whiteout("bin/ping")
                                  .file("bin/ping", "pong")
                                  .file("implied/a/b/c", "deep")
                                  .directory("implied/a", 0700)
                                  .file("raw\xff\xfename", "raw")
                                  .add({.name = "cut",
                                        .content = "long",
                                        .pax = {{"path", "long/" + std::string(200, 'n')}}})
                                  .add(sparse)
                                  .finish();
  TarMember issue = member("/etc/issue", '0', 0640);
  issue.content = "by an absolute name";
  issue.gid = 9;
  // Revision 3 with root's ID 0, which the kernel gives back as revision 2.
  TarMember arping = member("/bin/arping", '0', 0755);
  arping.content = "arping";
  arping.pax = {{"SCHILY.xattr.security.capability",
                 std::string("\x01\x00\x00\x03", 4) + capability.substr(4) + std::string(4, '\0')}};
  const std::string spelled = TarBuilder()
                                  .directory("/")
                                  .directory("./")
                                  .directory("/ko-app")
                                  .file("/ko-app/app", "ko", 0755)
                                  .directory("./ko-app")
                                  .whiteout("/bin/su")
                                  .opaque("/home/u")
                                  .add(issue)
                                  .add(arping)
                                  .hard_link("/etc/issue.net", "/etc/issue")
                                  .directory("usr")
                                  .directory("usr/lib")
                                  .symlink("usr/lib64", "/usr/../usr/lib")
                                  .file("usr/lib64/libc.so", "c")
                                  .file("/usr/lib64/deep/er", "e")
                                  .hard_link("usr/copy", "usr/lib64/libc.so")
                                  .whiteout("usr/lib64/gone")
                                  .fifo("/usr/lib64/pipe")
                                  .finish();
  return {base, changes, TarBuilder().finish(), TarBuilder().directory("only").finish(), spelled};
}

} // namespace dind::test
