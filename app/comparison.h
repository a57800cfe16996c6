// Other methods, and other forms of model at equal cost, at the order shown, on the filter shown: fitted one after the
// other in a job, for the panel and the overlays of the plots.
#pragma once

#include <QObject>
#include <QString>
#include <complex>
#include <memory>
#include <vector>

#include "analysis/checkpoint/filter.h"
#include "app/analyst.h"
#include "app/document.h"
#include "app/jobs.h"

namespace app {

struct MethodResult {
  QString method;   // as on the command line: "vector-fitting"
  QString problem;  // one sentence when the method has no result
  QString remark;   // of another form of model: what it keeps and saves
  double errorRelative = 0, spectralRadius = 0;
  int order = -1;          // -1: no result
  bool recurrence = true;  // the certificate of the order bounds the error
  double seconds = 0;
  std::vector<double> impulse, decibels;
  std::vector<std::complex<double>> poles;
};

class Comparison : public QObject {
  Q_OBJECT

 public:
  Comparison(Document&, Analyst&, Jobs&, QObject* parent = nullptr);

  // Names of methods and forms; they are fitted anew when the selection or the shown order changes. Empty switches off.
  void setMethods(const std::vector<QString>& names);
  const std::vector<QString>& methods() const { return m_methods; }
  // Of the shown filter and order, in the order of methods(); those still to come are missing.
  const std::vector<MethodResult>& results() const { return m_results; }

 Q_SIGNALS:
  void changed();
  void methodsChanged();

 private:
  void refresh();

  Document& m_document;
  Analyst& m_analyst;
  Jobs& m_jobs;
  std::vector<QString> m_methods;
  std::vector<MethodResult> m_results;
  std::shared_ptr<const analysis::Filter> m_filter;  // what the results are of
  int m_order = -1;
};

}  // namespace app
