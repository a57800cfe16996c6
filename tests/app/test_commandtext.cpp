// The command line of an action: it survives the shell, and the program understands it.
#include <QTest>

#include "app/commandline/orderlist.h"
#include "app/commandtext.h"
#include "binary.h"

class TestCommandtext : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void shellReadsWordsBack_data() {
    QTest::addColumn<QByteArray>("word");
    QTest::newRow("bare") << QByteArray("a/b-c_1.ckpt");
    QTest::newRow("empty") << QByteArray("");
    QTest::newRow("blank") << QByteArray("It was the best");
    QTest::newRow("quotes") << QByteArray("the ship's \"log\"");
    QTest::newRow("expansions") << QByteArray("$HOME `ls` \\ ! * ? ~ #");
    QTest::newRow("lines") << QByteArray("one\ntwo");
  }
  void shellReadsWordsBack() {
    QFETCH(QByteArray, word);
    QProcess shell;
    shell.start("/bin/sh", {"-c", "printf %s " + QString::fromStdString(app::shellWord(word.toStdString()))});
    QVERIFY(shell.waitForFinished());
    QCOMPARE(shell.readAllStandardOutput(), word);
  }

  void plansSurviveTheText() {
    const auto checkpoint = analysis::Checkpoint::open(sample().toStdString());
    std::vector<commandline::FilterOrder> plan;
    for (int channel = 0; channel < 128; ++channel) plan.push_back({{0, channel}, channel == 7 ? 12 : 8});
    plan.push_back({{2, 5}, 4});
    plan.push_back({{2, 6}, 4});
    const std::string text = commandline::orderList(*checkpoint, plan);
    QCOMPARE(QString::fromStdString(text), QString("0.*=8,0.7=12,2.5=4,2.6=4"));
    const auto read = commandline::parseOrders(*checkpoint, text);
    QCOMPARE(read.size(), plan.size());
    for (std::size_t i = 0; i < plan.size(); ++i) {
      QVERIFY(read[i].id == plan[i].id);
      QCOMPARE(read[i].order, plan[i].order);
    }
  }

  void commandsRun() {
    const auto checkpoint = analysis::Checkpoint::open(sample().toStdString());
    const app::OpenedFile file{sample().toStdString(), {{"shift", "0.05"}}};
    const std::string inspect = app::inspectCommand(file, "0.3");
    QVERIFY(QString::fromStdString(inspect).contains("--set shift=0.05"));
    QProcess shell;
    shell.start("/bin/sh", {"-c", "polecat() { '" POLECAT_BINARY "' \"$@\"; }; " + QString::fromStdString(inspect)});
    QVERIFY(shell.waitForFinished());
    QCOMPARE(shell.exitCode(), 0);
    QVERIFY(shell.readAllStandardOutput().contains("0.3"));

    std::vector<int> orders(512, 8);
    QCOMPARE(QString::fromStdString(app::distillCommand({"m.ckpt", {}}, *checkpoint, orders, "out dir/x.h5")),
             QString("polecat distill m.ckpt --order 8 -o 'out dir/x.h5'"));
    orders.assign(512, 0);
    orders[130] = 6;
    QCOMPARE(QString::fromStdString(app::distillCommand({"m.ckpt", {}}, *checkpoint, orders, "x.h5")),
             QString("polecat distill m.ckpt --orders 1.2=6 -o x.h5"));
    std::vector<analysis::FilterId> filters{{1, 2}, {3, 5}};
    for (int channel = 0; channel < 128; ++channel) filters.push_back({2, channel});
    const std::string tolerance = app::toleranceCommand({"m.ckpt", {}}, *checkpoint, filters, 0.05, 64, "x.h5", "band:0-1");
    QCOMPARE(QString::fromStdString(tolerance), QString("polecat distill m.ckpt --tolerance 0.05 --max-order 64 --filters "
                                                        "'1.2,3.5,2.*' --weight band:0-1 -o x.h5"));
    QCOMPARE(checkpoint->parseFilters("1.2,3.5,2.*").size(), filters.size());
    QCOMPARE(QString::fromStdString(app::toleranceCommand({"m.ckpt", {}}, *checkpoint, {}, 0.1, 64, "x.pt")),
             QString("polecat distill m.ckpt --tolerance 0.1 --max-order 64 -o x.pt"));
    const app::OpenedFile sampleFile{sample().toStdString(), {}};
    const std::string compare = app::compareCommand(sampleFile, "0.3", 6, {"prony", "kung"});
    shell.start("/bin/sh", {"-c", "polecat() { '" POLECAT_BINARY "' \"$@\"; }; " + QString::fromStdString(compare)});
    QVERIFY(shell.waitForFinished());
    QCOMPARE(shell.exitCode(), 0);
    const QByteArray compared = shell.readAllStandardOutput();
    QVERIFY2(compared.contains("prony") && compared.contains("kung"), compared.constData());
    engine::Workload workload;
    workload.seed = 7;
    workload.sampling = {0.8, 40, 1};
    QCOMPARE(QString::fromStdString(app::generateCommand({"m.ckpt", {}}, "It's", workload, 64, "", "d.h5", true)),
             QString("polecat generate m.ckpt --prompt 'It'\\''s' --tokens 64 --seed 7 --temperature 0.8 --top-k 40 "
                     "--distilled d.h5 --compare"));
    QVERIFY(app::generateCommand({"m.ckpt", {}}, "x", workload, 64, "cuda:0", "d.h5", true).find(" --device cuda:0 ") !=
            std::string::npos);
    QCOMPARE(QString::fromStdString(app::evaluateCommand({"m.ckpt", {}}, "t.txt", 6, "")),
             QString("polecat evaluate m.ckpt --text t.txt --windows 6"));
    QCOMPARE(QString::fromStdString(app::plotCommand({"m.ckpt", {}}, "1.5", "poles", 8, "p.svg")),
             QString("polecat plot m.ckpt --filter 1.5 --view poles --order 8 -o p.svg"));
  }
};

QTEST_GUILESS_MAIN(TestCommandtext)
#include "test_commandtext.moc"
