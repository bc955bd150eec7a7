#include <archive/tar_reader.hpp>

#include <archive/pax.hpp>
#include <archive/read_buffer.hpp>
#include <archive/sparse.hpp>
#include <archive/tar_header.hpp>
#include <archive/tar_member.hpp>
#include <base/utf8.hpp>

#include <array>

namespace dind::archive {
namespace {

constexpr std::size_t kMaxExtension = 1U << 20U; // Go's and libarchive's limit, too

std::size_t padding_of(std::uint64_t size) {
  return static_cast<std::size_t>(-size & (kTarBlock - 1));
}

} // namespace

struct TarReader::State {
  State(ByteSource& source, TarObserver* watcher) : input(source), observer(watcher) {}

  Result<std::optional<TarEntry>> next();
  Result<void> read_payload(PayloadSink& sink);

  // Shows bytes at the front of the input to the observer and uses them up.
  Result<void> pass_raw(std::span<const std::byte> bytes);
  Result<std::span<const std::byte>> pass_payload();
  Result<void> pass_rest();
  Result<bool> read_block();
  Result<bool> at_end_marker();
  Result<void> finish();
  Result<std::string> read_extension(std::int64_t size);
  Result<TarEntry> read_global(TarHeader header);
  Result<TarEntry> read_member(const TarHeader& header, const PaxRecords& pax);
  Result<bool> take_header(Extensions& extensions);
  Result<void> read_sparse(const TarHeader& header, const PaxRecords& pax, TarEntry& entry);
  Result<void> read_gnu_map(TarEntry& entry);
  Result<void> read_pax_map(TarEntry& entry);

  ReadBuffer input;
  TarObserver* observer;
  std::array<std::byte, kTarBlock> block{};
  TarEntry current;
  std::uint64_t stored = 0; // bytes of the member's data in the archive
  std::uint64_t left = 0;   // of them, not read yet
  std::size_t padding = 0;  // behind them
};

Result<void> TarReader::State::pass_raw(std::span<const std::byte> bytes) {
  if (observer != nullptr && !bytes.empty()) {
    TRY(observer->raw(bytes));
  }
  input.use(bytes.size());
  return {};
}

// The next piece of the current member's data, which the caller must use up. The
// observer has seen it.
Result<std::span<const std::byte>> TarReader::State::pass_payload() {
  const std::span<const std::byte> bytes = TRY(input.peek_some(left));
  if (bytes.empty()) {
    return input_error("{}: the header declares {} bytes, but the archive ends after {} of them",
                       printable(current.name), stored, stored - left);
  }
  if (observer != nullptr) {
    TRY(current.raw ? observer->raw(bytes) : observer->payload(bytes));
  }
  left -= bytes.size();
  return bytes;
}

Result<void> TarReader::State::pass_rest() {
  while (left != 0) {
    const std::span<const std::byte> bytes = TRY(pass_payload());
    input.use(bytes.size());
  }
  const std::span<const std::byte> filling = TRY(input.peek(padding));
  padding = 0;
  return pass_raw(filling);
}

// Fills `block`; false where the archive ends in front of it.
Result<bool> TarReader::State::read_block() {
  const std::span<const std::byte> bytes = TRY(input.peek(kTarBlock));
  if (bytes.empty()) {
    return false;
  }
  if (bytes.size() < kTarBlock) {
    return input_error("the archive is cut short: it ends after byte {}",
                       input.offset() + bytes.size());
  }
  std::copy(bytes.begin(), bytes.end(), block.begin());
  TRY(pass_raw(bytes));
  return true;
}

Result<bool> TarReader::State::at_end_marker() {
  if (!is_zero(block)) {
    return false;
  }
  const bool more = TRY(read_block());
  if (more && !is_zero(block)) {
    return input_error("a zero block is followed by data before byte {}", input.offset());
  }
  return true;
}

Result<void> TarReader::State::finish() {
  if (observer != nullptr) {
    TRY(observer->end());
  }
  for (;;) {
    const std::span<const std::byte> bytes = TRY(input.peek_some(kReadSize));
    if (bytes.empty()) {
      return {};
    }
    TRY(pass_raw(bytes));
  }
}

// The padding behind it is left to `pass_rest`, as it may belong to the next member.
Result<std::string> TarReader::State::read_extension(std::int64_t size) {
  if (size < 0 || static_cast<std::uint64_t>(size) > kMaxExtension) {
    return input_error("an extension header of {} bytes; the limit is {}", size, kMaxExtension);
  }
  std::string body;
  while (body.size() < static_cast<std::size_t>(size)) {
    const auto bytes = TRY(input.peek_some(static_cast<std::size_t>(size) - body.size()));
    if (bytes.empty()) {
      return input_error("the archive is cut short in an extension header");
    }
    body.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    TRY(pass_raw(bytes));
  }
  padding = padding_of(body.size());
  return body;
}

Result<TarEntry> TarReader::State::read_global(TarHeader header) {
  Extensions records;
  const std::string body = TRY(read_extension(header.size));
  records.pax = TRY(parse_pax(body));
  TRY(apply(records, header));
  TarEntry entry;
  entry.type = EntryType::global_header;
  entry.name = header.name;
  return entry;
}

Result<TarEntry> TarReader::State::read_member(const TarHeader& header, const PaxRecords& pax) {
  TarEntry entry = TRY(make_entry(header, pax));
  stored = entry.size;
  left = entry.size;
  padding = padding_of(entry.size);
  TRY(read_sparse(header, pax, entry));
  entry.raw = entry.sparse || is_whiteout(entry.name);
  return entry;
}

Result<void> TarReader::State::read_sparse(const TarHeader& header, const PaxRecords& pax,
                                           TarEntry& entry) {
  const SparseKind kind = sparse_kind(header, pax);
  if (kind == SparseKind::none) {
    return {};
  }
  if (entry.type != EntryType::file) {
    return input_error("only files can be sparse");
  }
  entry.sparse = true;
  if (kind == SparseKind::gnu) {
    if (header.format != TarFormat::gnu) {
      return input_error("a sparse file in a format that is not GNU's");
    }
    TRY(read_gnu_map(entry));
    return check_extents(entry.extents, entry.size, left);
  }
  if (const std::string_view name = find_pax(pax, "GNU.sparse.name"); !name.empty()) {
    entry.name = name;
  }
  entry.size = TRY(sparse_pax_size(pax)).value_or(entry.size);
  if (kind == SparseKind::pax_map) {
    entry.extents = TRY(read_sparse_pax_map(pax));
  } else {
    TRY(read_pax_map(entry));
  }
  return check_extents(entry.extents, entry.size, left);
}

Result<void> TarReader::State::read_gnu_map(TarEntry& entry) {
  entry.size = TRY(gnu_sparse_size(block));
  bool more = TRY(read_gnu_sparse_header(block, entry.extents));
  while (more) {
    if (!TRY(read_block())) {
      return input_error("the archive is cut short in the sparse map");
    }
    more = TRY(read_gnu_sparse_extension(block, entry.extents));
  }
  return {};
}

Result<void> TarReader::State::read_pax_map(TarEntry& entry) {
  SparseMapParser map;
  bool complete = false;
  while (!complete) {
    if (left < kTarBlock || !TRY(read_block())) {
      return input_error("the sparse map is cut short");
    }
    left -= kTarBlock;
    complete = TRY(map.add(block));
  }
  entry.extents = map.take();
  return {};
}

// Reads what `block` begins. An extension header is kept in `extensions`; whether
// it was a member instead, which is `current` then.
Result<bool> TarReader::State::take_header(Extensions& extensions) {
  TarHeader header = TRY(parse_tar_header(block));
  switch (header.type) {
  case 'x': {
    const std::string body = TRY(read_extension(header.size));
    extensions.pax = TRY(parse_pax(body));
    return false;
  }
  case 'L':
  case 'K': {
    const std::string body = TRY(read_extension(header.size));
    (header.type == 'L' ? extensions.long_name : extensions.long_link) =
        body.substr(0, body.find('\0'));
    return false;
  }
  case 'g':
    current = TRY(read_global(std::move(header)));
    return true;
  default:
    break;
  }
  TRY(apply(extensions, header));
  auto member = read_member(header, extensions.pax);
  if (!member) {
    return std::move(member).error().within(printable(header.name));
  }
  current = std::move(member).value();
  return true;
}

Result<std::optional<TarEntry>> TarReader::State::next() {
  Extensions extensions;
  for (bool extended = false;; extended = true) {
    TRY(pass_rest());
    const std::uint64_t at = input.offset();
    if (!TRY(read_block()) || TRY(at_end_marker())) {
      if (extended) {
        return input_error("the archive is cut short behind an extension header");
      }
      TRY(finish());
      return std::optional<TarEntry>();
    }
    auto is_member = take_header(extensions);
    if (!is_member) {
      return std::move(is_member).error().within(fmt::format("the tar header at byte {}", at));
    }
    if (*is_member) {
      break;
    }
  }
  if (observer != nullptr) {
    TRY(observer->member(current));
  }
  return std::optional(current);
}

Result<void> TarReader::State::read_payload(PayloadSink& sink) {
  std::uint64_t at = 0;
  std::size_t extent = 0;
  while (left != 0) {
    std::span<const std::byte> bytes = TRY(pass_payload());
    const std::size_t count = bytes.size();
    while (current.sparse && !bytes.empty()) {
      const Extent& target = current.extents[extent];
      const auto part = std::min<std::uint64_t>(target.size - at, bytes.size());
      if (part != 0) {
        TRY(sink.data(target.offset + at, bytes.first(part)));
      }
      bytes = bytes.subspan(part);
      at += part;
      if (at == target.size) {
        ++extent;
        at = 0;
      }
    }
    if (!current.sparse) {
      TRY(sink.data(at, bytes));
      at += count;
    }
    input.use(count);
  }
  return {};
}

TarReader::TarReader(ByteSource& source, TarObserver* observer)
    : state_(std::make_unique<State>(source, observer)) {}

TarReader::~TarReader() = default;

Result<std::optional<TarEntry>> TarReader::next() {
  return state_->next();
}

Result<void> TarReader::read_payload(PayloadSink& sink) {
  return state_->read_payload(sink);
}

} // namespace dind::archive
