// A distilled bank as the rectangular tables that files hold (checkpoints.md section 6): what both formats share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "analysis/reduction/distilled.h"

namespace analysis {

// Rows are channels. `poles`, `residues` and `logPoles` are [channels, width, 2] as (real, imaginary): the full closed
// set, both members of a pair adjacent, upper first; unused places are zero. Order -1: keep the original.
struct DistilledTables {
  std::string path;
  std::int64_t channels = 0, width = 0;
  std::vector<double> poles, residues;
  std::vector<double> logPoles;  // decay and angle of each pole; empty in files that have only poles
  std::vector<std::int32_t> order;
  std::vector<std::int32_t> poleSet;  // DistilledFilter::poleSet; empty when no filters share poles
  std::vector<double> feedthrough, skip, error, certificate;
};

DistilledTables tablesOf(const DistilledBank&);
// Throws Error(input), naming `file`, bank and channel, when the tables are no models. Sizes must have been checked.
DistilledBank bankOf(const DistilledTables&, const std::string& file);

// Throws Error(input) unless the metadata say that this is a version 1 file of ours.
void requireOurFormat(const std::map<std::string, std::string>& metadata, const std::string& file);

// The formats. Writers assume a path that may be overwritten; readers throw Error(input).
void writeDistilledSafetensors(const Distilled&, const std::filesystem::path&);
void writeDistilledHdf5(const Distilled&, const std::filesystem::path&);
// The tables of the safetensors file as a dictionary that torch.load opens, the metadata beside its state_dict.
void writeDistilledTorch(const Distilled&, const std::filesystem::path&);
// Any format whose tensors bear these names; of HDF5, use the second, which checks that the file is undamaged.
Distilled readDistilledTensors(const std::filesystem::path&);
Distilled readDistilledHdf5(const std::filesystem::path&);

}  // namespace analysis
