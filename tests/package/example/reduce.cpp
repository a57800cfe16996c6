// The smallest program on top of the library: reduces one filter of a checkpoint, then a whole checkpoint.
//   reduce CHECKPOINT LAYER.CHANNEL ORDER [OUT.safetensors]
#include <cstdlib>
#include <iostream>

#include "analysis/checkpoint/checkpoint.h"
#include "analysis/error.h"
#include "analysis/reduction/distilled.h"
#include "analysis/reduction/reducer.h"
#include "analysis/response/bounds.h"

int main(int argc, char** argv) try {
  if (argc < 4) {
    std::cerr << "usage: reduce CHECKPOINT LAYER.CHANNEL ORDER [OUT.safetensors]\n";
    return 2;
  }
  const auto checkpoint = analysis::Checkpoint::open(argv[1]);
  const int order = std::atoi(argv[3]);
  const auto filter = checkpoint->filter(checkpoint->parseFilters(argv[2]).front());

  const analysis::Reducer reducer(filter);
  const analysis::Fit fit = reducer.fit(order);
  const double bound = analysis::certificate(filter->taps, order).error.back();
  std::cout << "filter " << filter->name << ": error " << fit.errorRelative << " with " << fit.model.order()
            << " states, no recurrence of that order below " << bound << '\n';
  for (const auto& pole : fit.model.poles()) std::cout << pole.real() << ' ' << pole.imag() << '\n';

  if (argc > 4) {
    analysis::DistilRequest request;
    request.order = order;
    analysis::writeDistilled(analysis::distil(*checkpoint, request), argv[4]);
  }
} catch (const analysis::Error& error) {
  std::cerr << error.what() << '\n';
  return 3;
}
