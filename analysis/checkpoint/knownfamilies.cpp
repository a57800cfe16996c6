#include "analysis/checkpoint/knownfamilies.h"

#include <array>

#include "analysis/checkpoint/families.h"

namespace analysis {

std::span<const FamilyReader* const> familyReaders() {
  static constexpr std::array<const FamilyReader*, 13> readers{
      &chosenTensorReader, &exportedModelsReader, &modalPairReader,  &multiHyenaReader, &safariReader,
      &h3Reader,           &stripedHyenaReader,   &neoxReader,       &s4Reader,         &longConvolutionReader,
      &bareRtfReader,      &spectraLdsReader,     &genericBankReader};
  return readers;
}

std::vector<KnownFamily> knownFamilies() {
  std::vector<KnownFamily> all;
  for (const FamilyReader* reader : familyReaders()) {
    all.insert(all.end(), reader->families.begin(), reader->families.end());
  }
  return all;
}

}  // namespace analysis
