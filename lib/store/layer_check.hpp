#pragma once

#include <base/fd.hpp>
#include <base/reason.hpp>
#include <base/result.hpp>
#include <cache/skeleton.hpp>
#include <store/state.hpp>
#include <store/users.hpp>

#include <optional>
#include <string>

namespace dind::store {

// What a power cut can have taken from a layer that seeding made without a flush: data of files,
// marks, links, and names. `skeleton` is that of a borrowed layer, as its cache has it; a layer of
// its own is compared with its tar-split. Files are not read, but where their filesystem does not
// say that all of it was written. Returns what is wrong first, if anything is. An error means that
// the question could not be answered: too few descriptors or rights, a disk that does not read.
Result<std::optional<Reason>> find_flaw(const Fd& data_root, const std::string& driver,
                                        const Digest& chain_id, const DriverState& state,
                                        const cache::Skeleton& skeleton, const Users& users = {});

} // namespace dind::store
