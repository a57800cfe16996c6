// Is the shown fit the best of its order? Where random starts can say so (analysis/reduction/globalcheck.h) they are
// tried once the curve is final, in a job that yields to everything else.
#pragma once

#include <QObject>
#include <memory>

#include "analysis/reduction/globalcheck.h"
#include "app/analyst.h"
#include "app/jobs.h"

namespace app {

class Optimality : public QObject {
  Q_OBJECT

 public:
  Optimality(Analyst&, Jobs&, QObject* parent = nullptr);

  // Of the shown fit; null while it is not known, and for orders above analysis::largestCheckedOrder.
  std::shared_ptr<const analysis::GlobalCheck> result() const { return m_result; }
  // "probably global", the error of the better model that was found, or nothing.
  QString words() const;
  // While held nothing is tried: lanes that are measured shall have the processor for themselves.
  void setHeld(bool);

 Q_SIGNALS:
  void changed();

 private:
  void refresh();

  Analyst& m_analyst;
  Jobs& m_jobs;
  std::shared_ptr<const analysis::Fit> m_checked;  // what the result or the running job is of
  std::shared_ptr<const analysis::GlobalCheck> m_result;
  bool m_held = false;
};

}  // namespace app
