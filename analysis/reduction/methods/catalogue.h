// The records of all methods, each defined beside its algorithm. Callers outside this folder use methods().
#pragma once

#include "analysis/reduction/methods/method.h"

namespace analysis {

Method aaa();
Method balancedTruncation();
Method hankelNorm();
Method kung();
Method matrixPencil();
Method modalGradient();
Method modalTruncation();
Method prony();
Method realPoles();
Method rtfGradient();
Method rtfSteiglitzMcBride();
Method singleVarpro();
Method tfIrka();
Method vectorFitting();
Method weightedKung();

}  // namespace analysis
