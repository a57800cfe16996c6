#include "app/bankimage.h"

#include <algorithm>
#include <cmath>

namespace app {

BankImage bankImage(const analysis::Checkpoint& checkpoint, int bank, const analysis::Task& task) {
  const analysis::Bank& facts = checkpoint.banks()[static_cast<std::size_t>(bank)];
  BankImage image;
  image.columns = static_cast<std::size_t>(std::clamp(facts.lengthSamples, 1, BankImage::maxColumns));
  image.values.assign(static_cast<std::size_t>(facts.channels) * image.columns, 0.0);
  for (int channel = 0; channel < facts.channels; ++channel) {
    task.throwIfStopped();
    task.report(static_cast<double>(channel) / facts.channels);
    const auto filter = checkpoint.filter({bank, channel}, task);
    const auto row = image.values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(channel) * image.columns);
    for (std::size_t t = 0; t < filter->taps.size(); ++t) {
      double& cell = row[static_cast<std::ptrdiff_t>(t * image.columns / filter->taps.size())];
      cell = std::max(cell, std::abs(filter->taps[t]));
    }
  }
  return image;
}

}  // namespace app
