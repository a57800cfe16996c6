// What the words of the window mean, with a line to search them.
#pragma once

#include <QDialog>
#include <vector>

class QLineEdit;
class QTextBrowser;

namespace app {

struct GlossaryEntry {
  QString term, text;
};

// From resources/help/glossary.md: a heading per term, one paragraph each, in alphabetical order. Throws
// analysis::Error when the file is missing.
std::vector<GlossaryEntry> glossary();

class Glossary : public QDialog {
  Q_OBJECT

 public:
  explicit Glossary(QWidget* parent = nullptr);

 private:
  void list(const QString& typed);

  std::vector<GlossaryEntry> m_entries;
  QLineEdit* m_line;
  QTextBrowser* m_text;
};

}  // namespace app
