PRAGMA application_id = 1382370389;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE artifacts (
  sha256 TEXT PRIMARY KEY,
  bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "artifacts" VALUES('016560acbc5d7e149146f622a48a97f7e66773cee9515fd593836ca7843fd801',14940);
INSERT INTO "artifacts" VALUES('13da7e9f1fc3aee041f9b34e9dba9e3faac377e9c1fe88d84a7d1bb1595c11d4',59964);
INSERT INTO "artifacts" VALUES('1f163c7c590cb9694f74e2f0bbc7309bf0192fc3d2415ac5aaf0e8cf7be809db',27380);
INSERT INTO "artifacts" VALUES('57a2fe317092011c9a1806db007903d0e9bb6f079098850579a61c02f8da7e0a',240380);
CREATE TABLE candidate_budgets (
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  budget INTEGER NOT NULL,
  PRIMARY KEY (candidate_id, budget)
) STRICT, WITHOUT ROWID;
INSERT INTO "candidate_budgets" VALUES(1,6451);
CREATE TABLE candidates (
  candidate_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  name TEXT NOT NULL,          -- as users know the network
  network TEXT NOT NULL,       -- canonical text
  network_hash TEXT NOT NULL,  -- of its list of operations
  replicate INTEGER NOT NULL,
  relus INTEGER NOT NULL,
  relus_with_stem INTEGER NOT NULL,
  macs INTEGER NOT NULL,
  parameters INTEGER NOT NULL,
  data_hash TEXT,   -- found by the pretrain; NULL before it succeeded
  split_hash TEXT,
  -- search: pretrain, linearize and a fine-tune per budget. teacher: pretrain alone. section:
  -- pretrain alone, ReLUs in measured_section only, learning from teacher_id. whole: pretrain alone,
  -- learning from teacher_id, and its network with all its ReLUs is its one result.
  role TEXT NOT NULL DEFAULT 'search' CHECK (role IN ('search', 'teacher', 'section', 'whole')),
  measured_section INTEGER NOT NULL DEFAULT 0,  -- of a section, from 1
  teacher_id INTEGER REFERENCES candidates ON DELETE CASCADE,
  origin TEXT NOT NULL DEFAULT '',  -- 'named', or the generator with its order and that one's source
  -- The file with the weights, as the job file names it, and its content; NULL: they are trained.
  -- The content itself goes when the job is archived.
  pretrained_file TEXT,
  pretrained_sha256 TEXT,
  replacement TEXT NOT NULL,   -- what its removed ReLUs become: identity, polynomial
  -- Of one that a search has chosen: its choices, as a JSON array of their numbers; the newest
  -- result that the search knew then (0: none); and why.
  point TEXT,
  results_seen INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  UNIQUE (job_id, network_hash, replacement, replicate)
) STRICT;
INSERT INTO "candidates" VALUES(1,1,'resnet20@1','basic:side=32:classes=10:m=1:blocks=3x3x3:multipliers=2x2','9c3c4fe7b01fbedf5186b8866c6cacd6058fb269555be5f9695c0d8718070c5f',0,10752,11776,185384,1229,'5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989','290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8','search',0,NULL,'named',NULL,NULL,'identity',NULL,NULL,'');
CREATE TABLE cost_metrics (
  metric_id INTEGER PRIMARY KEY,
  metric TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "cost_metrics" VALUES(1,'delphi_server_garbler.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(2,'delphi_server_garbler.online_s@lan');
INSERT INTO "cost_metrics" VALUES(3,'delphi_server_garbler.total_s@lan');
INSERT INTO "cost_metrics" VALUES(4,'delphi_server_garbler.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(5,'delphi_server_garbler.online_s@wan');
INSERT INTO "cost_metrics" VALUES(6,'delphi_server_garbler.total_s@wan');
INSERT INTO "cost_metrics" VALUES(7,'delphi_server_garbler.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(8,'delphi_server_garbler.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(9,'delphi_server_garbler.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(10,'delphi_server_garbler.online_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(11,'delphi_server_garbler.online_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(12,'delphi_server_garbler.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(13,'delphi_server_garbler.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(14,'delphi_server_garbler.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(15,'delphi_client_garbler.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(16,'delphi_client_garbler.online_s@lan');
INSERT INTO "cost_metrics" VALUES(17,'delphi_client_garbler.total_s@lan');
INSERT INTO "cost_metrics" VALUES(18,'delphi_client_garbler.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(19,'delphi_client_garbler.online_s@wan');
INSERT INTO "cost_metrics" VALUES(20,'delphi_client_garbler.total_s@wan');
INSERT INTO "cost_metrics" VALUES(21,'delphi_client_garbler.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(22,'delphi_client_garbler.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(23,'delphi_client_garbler.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(24,'delphi_client_garbler.online_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(25,'delphi_client_garbler.online_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(26,'delphi_client_garbler.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(27,'delphi_client_garbler.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(28,'delphi_client_garbler.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(29,'cryptflow2.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(30,'cryptflow2.online_s@lan');
INSERT INTO "cost_metrics" VALUES(31,'cryptflow2.total_s@lan');
INSERT INTO "cost_metrics" VALUES(32,'cryptflow2.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(33,'cryptflow2.online_s@wan');
INSERT INTO "cost_metrics" VALUES(34,'cryptflow2.total_s@wan');
INSERT INTO "cost_metrics" VALUES(35,'cryptflow2.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(36,'cryptflow2.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(37,'cryptflow2.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(38,'cryptflow2.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(39,'cryptflow2.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(40,'cryptflow2.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(41,'cryptflow2_he.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(42,'cryptflow2_he.online_s@lan');
INSERT INTO "cost_metrics" VALUES(43,'cryptflow2_he.total_s@lan');
INSERT INTO "cost_metrics" VALUES(44,'cryptflow2_he.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(45,'cryptflow2_he.online_s@wan');
INSERT INTO "cost_metrics" VALUES(46,'cryptflow2_he.total_s@wan');
INSERT INTO "cost_metrics" VALUES(47,'cryptflow2_he.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(48,'cryptflow2_he.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(49,'cryptflow2_he.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(50,'cryptflow2_he.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(51,'cryptflow2_he.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(52,'cryptflow2_he.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(53,'cheetah.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(54,'cheetah.online_s@lan');
INSERT INTO "cost_metrics" VALUES(55,'cheetah.total_s@lan');
INSERT INTO "cost_metrics" VALUES(56,'cheetah.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(57,'cheetah.online_s@wan');
INSERT INTO "cost_metrics" VALUES(58,'cheetah.total_s@wan');
INSERT INTO "cost_metrics" VALUES(59,'cheetah.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(60,'cheetah.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(61,'cheetah.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(62,'cheetah.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(63,'cheetah.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(64,'cheetah.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(65,'spu_semi2k.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(66,'spu_semi2k.online_s@lan');
INSERT INTO "cost_metrics" VALUES(67,'spu_semi2k.total_s@lan');
INSERT INTO "cost_metrics" VALUES(68,'spu_semi2k.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(69,'spu_semi2k.online_s@wan');
INSERT INTO "cost_metrics" VALUES(70,'spu_semi2k.total_s@wan');
INSERT INTO "cost_metrics" VALUES(71,'spu_semi2k.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(72,'spu_semi2k.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(73,'spu_semi2k.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(74,'spu_semi2k.online_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(75,'spu_semi2k.online_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(76,'spu_semi2k.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(77,'spu_semi2k.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(78,'spu_semi2k.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(79,'spu_cheetah.offline_s@lan');
INSERT INTO "cost_metrics" VALUES(80,'spu_cheetah.online_s@lan');
INSERT INTO "cost_metrics" VALUES(81,'spu_cheetah.total_s@lan');
INSERT INTO "cost_metrics" VALUES(82,'spu_cheetah.offline_s@wan');
INSERT INTO "cost_metrics" VALUES(83,'spu_cheetah.online_s@wan');
INSERT INTO "cost_metrics" VALUES(84,'spu_cheetah.total_s@wan');
INSERT INTO "cost_metrics" VALUES(85,'spu_cheetah.offline_up_bytes@lan');
INSERT INTO "cost_metrics" VALUES(86,'spu_cheetah.offline_down_bytes@lan');
INSERT INTO "cost_metrics" VALUES(87,'spu_cheetah.offline_bytes@lan');
INSERT INTO "cost_metrics" VALUES(88,'spu_cheetah.online_bytes@lan');
INSERT INTO "cost_metrics" VALUES(89,'spu_cheetah.client_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(90,'spu_cheetah.server_storage_bytes@lan');
INSERT INTO "cost_metrics" VALUES(91,'ckks.seconds@mpcnn_cpu');
INSERT INTO "cost_metrics" VALUES(92,'papers.online_s');
CREATE TABLE cost_sources (
  source_id INTEGER PRIMARY KEY,
  model_version TEXT NOT NULL,  -- of the protocol's model
  profile TEXT NOT NULL,        -- machines, link or preset by name, and a hash of their constants
  note TEXT NOT NULL,
  UNIQUE (model_version, profile, note)
) STRICT;
INSERT INTO "cost_sources" VALUES(1,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','missing offline.ot: no source gives the computation of OT apart from whole phases');
INSERT INTO "cost_sources" VALUES(2,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','assumed online.shares: linear in MACs through the artifact''s two measured networks');
INSERT INTO "cost_sources" VALUES(3,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','missing offline.ot: no source gives the computation of OT apart from whole phases; assumed online.shares: linear in MACs through the artifact''s two measured networks');
INSERT INTO "cost_sources" VALUES(4,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','missing offline.ot: no source gives the computation of OT apart from whole phases');
INSERT INTO "cost_sources" VALUES(5,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','assumed online.shares: linear in MACs through the artifact''s two measured networks');
INSERT INTO "cost_sources" VALUES(6,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','missing offline.ot: no source gives the computation of OT apart from whole phases; assumed online.shares: linear in MACs through the artifact''s two measured networks');
INSERT INTO "cost_sources" VALUES(7,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','');
INSERT INTO "cost_sources" VALUES(8,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','assumed online.shares: linear in MACs through the artifact''s two measured networks; missing online.ot: no source gives the computation of OT apart from whole phases');
INSERT INTO "cost_sources" VALUES(9,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','');
INSERT INTO "cost_sources" VALUES(10,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','assumed online.shares: linear in MACs through the artifact''s two measured networks; missing online.ot: no source gives the computation of OT apart from whole phases');
INSERT INTO "cost_sources" VALUES(11,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','missing online.linear: no source gives the seconds of SCI_OT linear layers; assumed online.ot: 10 us per ReLU of one public log, whose machine is not known');
INSERT INTO "cost_sources" VALUES(12,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','missing online.linear: no source gives the seconds of SCI_OT linear layers; assumed online.ot: 10 us per ReLU of one public log, whose machine is not known');
INSERT INTO "cost_sources" VALUES(13,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','assumed online.he_evaluation: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.encryption: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.decryption: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.ot: 10 us per ReLU of one public log, whose machine is not known');
INSERT INTO "cost_sources" VALUES(14,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','assumed online.he_evaluation: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.encryption: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.decryption: DELPHI''s packing and constants as a stand-in for SCI_HE; assumed online.ot: 10 us per ReLU of one public log, whose machine is not known');
INSERT INTO "cost_sources" VALUES(15,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','assumed online.he_evaluation: transform of size 4096 of profile epyc_7502 taken from its 8192 by n log2 n; assumed online.ot: 4 thread-microseconds per ReLU of the public log''s machine where a profile has no value; not modelled: bytes of truncation: 32 to 36 bits per value of known sign where they are published, none for l = 37; not modelled: refills of silent OT, one per about 10^7 OTs');
INSERT INTO "cost_sources" VALUES(16,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','assumed online.he_evaluation: transform of size 4096 of profile epyc_7502 taken from its 8192 by n log2 n; assumed online.ot: 4 thread-microseconds per ReLU of the public log''s machine where a profile has no value; not modelled: bytes of truncation: 32 to 36 bits per value of known sign where they are published, none for l = 37; not modelled: refills of silent OT, one per about 10^7 OTs');
INSERT INTO "cost_sources" VALUES(17,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','missing online.linear: no source gives the seconds of SPU''s linear layers; assumed online.ot: 2.2 us per ReLU on two cores, noisy; not modelled: traffic of the trusted first party that hands out Beaver triples');
INSERT INTO "cost_sources" VALUES(18,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','missing online.linear: no source gives the seconds of SPU''s linear layers; assumed online.ot: 2.2 us per ReLU on two cores, noisy; not modelled: traffic of the trusted first party that hands out Beaver triples');
INSERT INTO "cost_sources" VALUES(19,'1','client epyc_7502, server epyc_7502, link lan, sha256 cd849008f890','missing online.linear: no source gives the seconds of SPU''s linear layers; assumed online.ot: 19 us per ReLU (17 to 21) on two cores, noisy');
INSERT INTO "cost_sources" VALUES(20,'1','client epyc_7502, server epyc_7502, link wan, sha256 ee5ff332bec5','missing online.linear: no source gives the seconds of SPU''s linear layers; assumed online.ot: 19 us per ReLU (17 to 21) on two cores, noisy');
INSERT INTO "cost_sources" VALUES(21,'1-f0fa81604d5a','preset mpcnn_cpu, sha256 950066438367','not modelled: encryption and decryption of image and result; not modelled: their transfer; not modelled: keys: their generation, transfer and memory; not modelled: additions and plaintext additions (below 1 % of the seconds)');
INSERT INTO "cost_sources" VALUES(22,'1','no setting','not modelled: the offline phase, linear layers, max pools and the link');
CREATE TABLE criticality (
  candidate_id INTEGER NOT NULL
    REFERENCES candidates ON DELETE CASCADE,  -- the full network, replicate 0
  section INTEGER NOT NULL,    -- from 1
  relus INTEGER NOT NULL,      -- of the section
  accuracy REAL NOT NULL,      -- validation, ReLUs in this section alone; mean over the replicates
  accuracy_lowest REAL NOT NULL,
  accuracy_highest REAL NOT NULL,
  replicates INTEGER NOT NULL,
  score REAL NOT NULL,
  rank INTEGER NOT NULL,       -- 1 = most critical
  PRIMARY KEY (candidate_id, section),
  UNIQUE (candidate_id, rank)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  event_id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  job_id INTEGER,
  candidate_id INTEGER,
  task_id INTEGER,
  result_id INTEGER,
  worker TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;
INSERT INTO "events" VALUES(1,1796110912502,'job.submitted',1,NULL,NULL,NULL,'','first version');
INSERT INTO "events" VALUES(2,1796110912502,'task.queued',1,1,1,NULL,'','pretrain');
INSERT INTO "events" VALUES(3,1796110912510,'worker.connected',NULL,NULL,NULL,NULL,'reluscape-train','cpu on vm');
INSERT INTO "events" VALUES(4,1796110912531,'job.threads',1,NULL,NULL,NULL,'','1 CPU thread for each task: 1 candidate, the largest of 185384 MACs; 1 worker on 1 CPU core');
INSERT INTO "events" VALUES(5,1796110912531,'task.leased',1,1,1,NULL,'reluscape-train','pretrain, attempt 1');
INSERT INTO "events" VALUES(6,1796110912617,'epoch',1,1,1,NULL,'reluscape-train','pretrain, epoch 0: validation accuracy 0.1, 10752 ReLUs');
INSERT INTO "events" VALUES(7,1796110912686,'epoch',1,1,1,NULL,'reluscape-train','pretrain, epoch 1: validation accuracy 0.1, 10752 ReLUs');
INSERT INTO "events" VALUES(8,1796110912699,'task.succeeded',1,1,1,NULL,'reluscape-train','pretrain');
INSERT INTO "events" VALUES(9,1796110912699,'task.queued',1,1,2,NULL,'','linearize');
INSERT INTO "events" VALUES(10,1796110912699,'task.leased',1,1,2,NULL,'reluscape-train','linearize, attempt 1');
INSERT INTO "events" VALUES(11,1796110912806,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 0: validation accuracy 0.1, 10752 ReLUs');
INSERT INTO "events" VALUES(12,1796110912902,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 1: validation accuracy 0.075, 10752 ReLUs');
INSERT INTO "events" VALUES(13,1796110912989,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 2: validation accuracy 0.1, 10752 ReLUs');
INSERT INTO "events" VALUES(14,1796110913076,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 3: validation accuracy 0.05, 10752 ReLUs');
INSERT INTO "events" VALUES(15,1796110913158,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 4: validation accuracy 0.05, 10752 ReLUs');
INSERT INTO "events" VALUES(16,1796110913247,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 5: validation accuracy 0.025, 10752 ReLUs');
INSERT INTO "events" VALUES(17,1796110913337,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 6: validation accuracy 0.125, 10752 ReLUs');
INSERT INTO "events" VALUES(18,1796110913435,'snapshot',1,1,2,NULL,'reluscape-train','budget 6451: 10752 ReLUs in epoch 7');
INSERT INTO "events" VALUES(19,1796110913435,'task.queued',1,1,3,NULL,'','fine-tune of 6451 ReLUs');
INSERT INTO "events" VALUES(20,1796110913439,'epoch',1,1,2,NULL,'reluscape-train','linearize, epoch 7: validation accuracy 0.075, 629 ReLUs');
INSERT INTO "events" VALUES(21,1796110913462,'task.succeeded',1,1,2,NULL,'reluscape-train','linearize');
INSERT INTO "events" VALUES(22,1796110913462,'task.leased',1,1,3,NULL,'reluscape-train','fine-tune of 6451 ReLUs, attempt 1');
INSERT INTO "events" VALUES(23,1796110913590,'epoch',1,1,3,NULL,'reluscape-train','fine-tune of 6451 ReLUs, epoch 0: validation accuracy 0.1, 6451 ReLUs');
INSERT INTO "events" VALUES(24,1796110913622,'epoch',1,1,3,NULL,'reluscape-train','fine-tune of 6451 ReLUs, epoch 1: validation accuracy 0.1, 6451 ReLUs');
INSERT INTO "events" VALUES(25,1796110913644,'result',1,1,3,1,'reluscape-train','budget 6451: validation accuracy 0.1');
INSERT INTO "events" VALUES(26,1796110913644,'task.succeeded',1,1,3,NULL,'reluscape-train','fine-tune of 6451 ReLUs');
INSERT INTO "events" VALUES(27,1796110913644,'job.finished',1,NULL,NULL,NULL,'','all 3 tasks succeeded');
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
INSERT INTO "facts" VALUES('artifact_folder_id','54034bc17d5a173e38d2f4ac52ec1c53');
CREATE TABLE jobs (
  job_id INTEGER PRIMARY KEY AUTOINCREMENT,
  request_id TEXT UNIQUE,  -- chosen by the submitter, NULL if not
  state TEXT NOT NULL CHECK (state IN ('RUNNING', 'FINISHED', 'FAILED', 'CANCELLED')),
  recipe TEXT NOT NULL,         -- hash of the stage settings
  split_seed INTEGER NOT NULL,  -- which images are held out for validation
  spec TEXT NOT NULL,           -- the job file with every default filled in (docs/job-file.md)
  created_at_ms INTEGER NOT NULL,
  finished_at_ms INTEGER,
  unsealed_at_ms INTEGER,       -- since when test accuracies are shown
  data_hash_chosen TEXT,        -- by which copy of its data set it goes, as `reluscape data` chose
  archived_at_ms INTEGER,       -- since when only the weights of keeps are there
  keeps TEXT NOT NULL DEFAULT 'all' CHECK (keeps IN ('all', 'results', 'front', 'nothing')),
  hypervolume_box TEXT,         -- HypervolumeBox of views.proto, as JSON; NULL: it makes no front
  search_ended_at_ms INTEGER,   -- since when no more networks are chosen; NULL also: it never chose
  search_message TEXT NOT NULL DEFAULT '',  -- what the search did last, or why it has ended

  -- What is joined or asked for of spec.
  name TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.name') STORED,
  kind TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.kind') STORED,
  seed INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.seed') STORED,
  data_set TEXT NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.set') STORED,
  classes INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.classes') STORED,
  side INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.side') STORED,
  train_images INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.train_images') STORED,
  validation_images INTEGER NOT NULL
    GENERATED ALWAYS AS (spec ->> '$.data.validation_images') STORED,
  test_images INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.data.test_images') STORED,
  recipe_short TEXT NOT NULL GENERATED ALWAYS AS (substr(recipe, 1, 12)) STORED,
  data_hash_stated TEXT GENERATED ALWAYS AS (spec ->> '$.data.hash') STORED,
  strategy TEXT GENERATED ALWAYS AS (spec ->> '$.search.strategy') STORED,  -- NULL: a list alone
  threads INTEGER NOT NULL GENERATED ALWAYS AS (spec ->> '$.threads') STORED
) STRICT;
INSERT INTO "jobs" VALUES(1,NULL,'FINISHED','30622f124833bd3586e319d21946915ff05e48e42331c2eaad5874cf358c7125',8695721360418747,'{
  "name": "first version",
  "data": {
    "set": "synthetic",
    "classes": 10,
    "side": 32,
    "train_images": 60,
    "validation_images": 40,
    "test_images": 40,
    "hash": null
  },
  "candidates": {
    "networks": [
      "resnet20@1"
    ],
    "deepreshape": [],
    "replicates": 1,
    "deepreduce": [],
    "pretrained": [],
    "space": null
  },
  "budgets": {
    "relus": [],
    "fractions": [
      0.6
    ]
  },
  "stages": {
    "preset": null,
    "pretrain": {
      "epochs": 2,
      "batch": 20,
      "learning_rate": 0.05,
      "momentum": 0.9,
      "nesterov": false,
      "weight_decay": 5e-04,
      "decay_one_dimensional": true,
      "schedule": "one_cycle",
      "warmup_fraction": 0.2,
      "step_epochs": [],
      "step_factor": 0.1,
      "label_smoothing": 0
    },
    "linearize": {
      "max_epochs": 100,
      "batch": 10,
      "weight_learning_rate": 0.001,
      "mask_learning_rate": 0.02,
      "lambda": 0.02,
      "lambda_growth": 1.1,
      "lambda_patience": 5,
      "lambda_growth_per_epoch": 1.2,
      "threshold": 0.01,
      "check_interval_steps": 0,
      "method": "snl",
      "mask_shape": "pixel",
      "clamp_masks": false,
      "adam_beta1": 0.9,
      "adam_beta2": 0.999,
      "lambda_schedule": "growing",
      "lambda_growth_per_step": 1,
      "planned_epochs": 40,
      "feedback_interval_steps": 50,
      "feedback_factor": 1.05,
      "early_cut": 1,
      "score_batches": 1,
      "hysteresis": 0.003,
      "density_weight": 140,
      "replacement": "identity",
      "range_penalty": 0.001,
      "range_limit": 6,
      "layer_shares": []
    },
    "fine_tune": {
      "epochs": 2,
      "batch": 20,
      "learning_rate": 0.001,
      "momentum": 0.9,
      "nesterov": false,
      "weight_decay": 5e-04,
      "decay_one_dimensional": true,
      "schedule": "cosine_epochs",
      "warmup_fraction": 0.2,
      "step_epochs": [],
      "step_factor": 0.1,
      "label_smoothing": 0
    },
    "distillation": {
      "temperature": 4,
      "weight": 1,
      "cross_entropy_weight": 1
    },
    "augmentation": {
      "crop_padding": 4,
      "flip": true,
      "alternating_flip": false,
      "cutout": 0,
      "mixup": 0
    },
    "precision": "tf32",
    "deterministic": false,
    "cache_teacher_logits": false
  },
  "objectives": [
    "relus",
    "cheetah.online_s@wan"
  ],
  "limits": {
    "max_attempts": 3,
    "max_macs": 0,
    "max_parameters": 0,
    "costs": [
      "papers.online_s <= 10"
    ],
    "max_trainings": 0,
    "max_device_hours": 0,
    "max_wall_hours": 0
  },
  "seed": 7,
  "kind": "search",
  "criticality": null,
  "retention": "all",
  "threads": 1,
  "search": null,
  "reuse_results": false
}',1796110912502,1796110913644,NULL,NULL,NULL,'all','{
  "axes": [
    {
      "objective": "relus",
      "best": 6451,
      "reference": 12902
    },
    {
      "objective": "cheetah.online_s@wan",
      "best": 7.751390407239819,
      "reference": 15.502780814479639
    }
  ],
  "reference_accuracy": 0.1
}',NULL,'');
CREATE TABLE lost_attempts (
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  worker TEXT NOT NULL,
  expired INTEGER NOT NULL CHECK (expired IN (0, 1)),  -- the worker was not heard of in time
  artifact TEXT NOT NULL,  -- SHA-256 of the input that was of no use to it; '' = another reason
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;
CREATE TABLE result_costs (
  result_id INTEGER NOT NULL REFERENCES results ON DELETE CASCADE,
  metric_id INTEGER NOT NULL REFERENCES cost_metrics,
  source_id INTEGER NOT NULL REFERENCES cost_sources,
  value REAL,                       -- NULL: there is none, the note says why
  is_lower_bound INTEGER NOT NULL CHECK (is_lower_bound IN (0, 1)),
  PRIMARY KEY (result_id, metric_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "result_costs" VALUES(1,1,1,2.82235159568965521259e+00,1);
INSERT INTO "result_costs" VALUES(1,2,2,4.06565346151392115192e-01,0);
INSERT INTO "result_costs" VALUES(1,3,3,3.22891694184104727227e+00,1);
INSERT INTO "result_costs" VALUES(1,4,4,9.771939175,1);
INSERT INTO "result_costs" VALUES(1,5,5,2.04572271253070248064e+00,0);
INSERT INTO "result_costs" VALUES(1,6,6,1.18176618875307024579e+01,1);
INSERT INTO "result_costs" VALUES(1,7,7,95579628.0,0);
INSERT INTO "result_costs" VALUES(1,8,7,130342380.0,0);
INSERT INTO "result_costs" VALUES(1,9,7,225922008.0,0);
INSERT INTO "result_costs" VALUES(1,10,7,146090.0,0);
INSERT INTO "result_costs" VALUES(1,11,7,7638115.0,0);
INSERT INTO "result_costs" VALUES(1,12,7,7784205.0,0);
INSERT INTO "result_costs" VALUES(1,13,7,117717848.0,0);
INSERT INTO "result_costs" VALUES(1,14,7,23159090.0,0);
INSERT INTO "result_costs" VALUES(1,15,7,2.78785500152519905014e+00,0);
INSERT INTO "result_costs" VALUES(1,16,8,4.20887974798606956383e-01,1);
INSERT INTO "result_costs" VALUES(1,17,8,3.20874297632380578448e+00,1);
INSERT INTO "result_costs" VALUES(1,18,9,9.44680877500000093505e+00,0);
INSERT INTO "result_costs" VALUES(1,19,10,2.21694348753070258339e+00,1);
INSERT INTO "result_costs" VALUES(1,20,10,1.16637522625307035186e+01,1);
INSERT INTO "result_costs" VALUES(1,21,7,201376028.0,0);
INSERT INTO "result_costs" VALUES(1,22,7,11540764.0,0);
INSERT INTO "result_costs" VALUES(1,23,7,212916792.0,0);
INSERT INTO "result_costs" VALUES(1,24,7,8697833.0,0);
INSERT INTO "result_costs" VALUES(1,25,7,4335203.0,0);
INSERT INTO "result_costs" VALUES(1,26,7,13033036.0,0);
INSERT INTO "result_costs" VALUES(1,27,7,23159090.0,0);
INSERT INTO "result_costs" VALUES(1,28,7,117717848.0,0);
INSERT INTO "result_costs" VALUES(1,29,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,30,11,1.90973092838196301102e-01,1);
INSERT INTO "result_costs" VALUES(1,31,11,1.90973092838196301102e-01,1);
INSERT INTO "result_costs" VALUES(1,32,9,0.0,0);
INSERT INTO "result_costs" VALUES(1,33,12,7.77782465,1);
INSERT INTO "result_costs" VALUES(1,34,12,7.77782465,1);
INSERT INTO "result_costs" VALUES(1,35,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,36,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,37,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,38,7,20532586.0,0);
INSERT INTO "result_costs" VALUES(1,39,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,40,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,41,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,42,13,2.44875271750663126013e+00,0);
INSERT INTO "result_costs" VALUES(1,43,13,2.44875271750663126013e+00,0);
INSERT INTO "result_costs" VALUES(1,44,9,0.0,0);
INSERT INTO "result_costs" VALUES(1,45,14,15.19380095,0);
INSERT INTO "result_costs" VALUES(1,46,14,15.19380095,0);
INSERT INTO "result_costs" VALUES(1,47,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,48,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,49,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,50,7,109589458.0,0);
INSERT INTO "result_costs" VALUES(1,51,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,52,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,53,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,54,15,2.32415539865813758346e-01,1);
INSERT INTO "result_costs" VALUES(1,55,15,2.32415539865813758346e-01,1);
INSERT INTO "result_costs" VALUES(1,56,9,0.0,0);
INSERT INTO "result_costs" VALUES(1,57,16,7.75139035723982,1);
INSERT INTO "result_costs" VALUES(1,58,16,7.75139035723982,1);
INSERT INTO "result_costs" VALUES(1,59,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,60,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,61,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,62,7,3319158.0,0);
INSERT INTO "result_costs" VALUES(1,63,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,64,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,65,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,66,17,9.73202636604774545814e-02,1);
INSERT INTO "result_costs" VALUES(1,67,17,9.73202636604774545814e-02,1);
INSERT INTO "result_costs" VALUES(1,68,9,0.0,0);
INSERT INTO "result_costs" VALUES(1,69,18,7.6089142,1);
INSERT INTO "result_costs" VALUES(1,70,18,7.6089142,1);
INSERT INTO "result_costs" VALUES(1,71,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,72,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,73,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,74,7,1494440.0,0);
INSERT INTO "result_costs" VALUES(1,75,7,1494440.0,0);
INSERT INTO "result_costs" VALUES(1,76,7,2988880.0,0);
INSERT INTO "result_costs" VALUES(1,77,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,78,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,79,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,80,19,3.2068463925729445707e-01,1);
INSERT INTO "result_costs" VALUES(1,81,19,3.2068463925729445707e-01,1);
INSERT INTO "result_costs" VALUES(1,82,9,0.0,0);
INSERT INTO "result_costs" VALUES(1,83,20,16.6267289,1);
INSERT INTO "result_costs" VALUES(1,84,20,16.6267289,1);
INSERT INTO "result_costs" VALUES(1,85,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,86,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,87,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,88,7,13766396.0,0);
INSERT INTO "result_costs" VALUES(1,89,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,90,7,0.0,0);
INSERT INTO "result_costs" VALUES(1,91,21,9.8125050000000032923e+02,1);
INSERT INTO "result_costs" VALUES(1,92,22,0.1386965,1);
CREATE TABLE result_hypervolumes (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
  hypervolume REAL NOT NULL,
  gain REAL NOT NULL,             -- by how much the result raised it
  trainings INTEGER NOT NULL,     -- networks with a result so far
  device_seconds REAL NOT NULL    -- that the job's tasks had taken
) STRICT;
INSERT INTO "result_hypervolumes" VALUES(1,0.0,0.0,1,1.08210334);
CREATE TABLE result_price_sets (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
  price_set TEXT NOT NULL
) STRICT;
INSERT INTO "result_price_sets" VALUES(1,'0fc7462321da6ab9ce7598f5d2d40b16ddae7e3515fccb359f4cb90ec7b483dc');
CREATE TABLE results (
  result_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  task_id INTEGER NOT NULL UNIQUE REFERENCES tasks ON DELETE CASCADE,
  report TEXT NOT NULL,  -- what was reported: ResultReport of report.proto, as JSON
  data_hash TEXT NOT NULL,
  split_hash TEXT NOT NULL,
  seconds_pretrain REAL NOT NULL,
  seconds_linearize REAL NOT NULL,
  seconds_fine_tune REAL NOT NULL,
  worker TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  weights_removed_at_ms INTEGER,  -- when the job was archived without them
  reused_from INTEGER,  -- the result of an earlier job that it is a copy of; nothing was trained

  -- What is joined, sorted or asked for of report.
  budget INTEGER NOT NULL GENERATED ALWAYS AS (report ->> '$.budget') STORED,
  relus INTEGER NOT NULL GENERATED ALWAYS AS (report ->> '$.relus') STORED,
  accuracy_validation REAL NOT NULL  -- final, the one that ranks
    GENERATED ALWAYS AS (report ->> '$.accuracy_validation') STORED,
  artifact_sha256 TEXT REFERENCES artifacts  -- final weights and masks, while they are there
    GENERATED ALWAYS AS (CASE WHEN weights_removed_at_ms IS NULL
                         THEN report ->> '$.artifact.sha256' END) STORED,
  UNIQUE (candidate_id, budget)
) STRICT;
INSERT INTO "results" VALUES(1,1,1,3,'{"budget":6451,"relus":6451,"layers":[{"layer":"section1.block1.relu1","units":1024,"kept":815,"polynomials":0},{"layer":"section1.block1.relu2","units":1024,"kept":721,"polynomials":0},{"layer":"section1.block2.relu1","units":1024,"kept":935,"polynomials":0},{"layer":"section1.block2.relu2","units":1024,"kept":228,"polynomials":0},{"layer":"section1.block3.relu1","units":1024,"kept":734,"polynomials":0},{"layer":"section1.block3.relu2","units":1024,"kept":356,"polynomials":0},{"layer":"section2.block1.relu1","units":512,"kept":391,"polynomials":0},{"layer":"section2.block1.relu2","units":512,"kept":358,"polynomials":0},{"layer":"section2.block2.relu1","units":512,"kept":324,"polynomials":0},{"layer":"section2.block2.relu2","units":512,"kept":210,"polynomials":0},{"layer":"section2.block3.relu1","units":512,"kept":318,"polynomials":0},{"layer":"section2.block3.relu2","units":512,"kept":147,"polynomials":0},{"layer":"section3.block1.relu1","units":256,"kept":171,"polynomials":0},{"layer":"section3.block1.relu2","units":256,"kept":208,"polynomials":0},{"layer":"section3.block2.relu1","units":256,"kept":102,"polynomials":0},{"layer":"section3.block2.relu2","units":256,"kept":183,"polynomials":0},{"layer":"section3.block3.relu1","units":256,"kept":43,"polynomials":0},{"layer":"section3.block3.relu2","units":256,"kept":207,"polynomials":0}],"accuracy_soft":0.125,"accuracy_trimmed":0.1,"accuracy_validation":0.1,"artifact":{"sha256":"1f163c7c590cb9694f74e2f0bbc7309bf0192fc3d2415ac5aaf0e8cf7be809db","bytes":27380},"classes":[{"name":"disc","images":4,"correct":0},{"name":"square","images":4,"correct":0},{"name":"triangle","images":4,"correct":0},{"name":"cross","images":4,"correct":4},{"name":"ring","images":4,"correct":0},{"name":"star","images":4,"correct":0},{"name":"crescent","images":4,"correct":0},{"name":"frame","images":4,"correct":0},{"name":"bars","images":4,"correct":0},{"name":"hourglass","images":4,"correct":0}],"accuracy_worst_class":0}','5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989','290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8',0.162654798,0.731057123,0.167932895,'reluscape-train',1,1796110913644,NULL,NULL);
CREATE TABLE sealed_test_accuracy (
  result_id INTEGER PRIMARY KEY REFERENCES results ON DELETE CASCADE,
  accuracy_test REAL NOT NULL
) STRICT;
INSERT INTO "sealed_test_accuracy" VALUES(1,0.1);
CREATE TABLE snapshots (
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  budget INTEGER NOT NULL,
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  artifact_sha256 TEXT REFERENCES artifacts,  -- NULL: removed when the job was archived
  relus INTEGER NOT NULL,  -- >= budget, before the trim
  epoch INTEGER NOT NULL,
  device_seconds REAL NOT NULL,  -- of the descent up to here
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (candidate_id, budget)
) STRICT, WITHOUT ROWID;
INSERT INTO "snapshots" VALUES(1,6451,2,1,'13da7e9f1fc3aee041f9b34e9dba9e3faac377e9c1fe88d84a7d1bb1595c11d4',10752,7,0.731057123,1796110913435);
CREATE TABLE stage_progress (
  task_id INTEGER NOT NULL REFERENCES tasks ON DELETE CASCADE,
  epoch INTEGER NOT NULL,  -- 0-based
  attempt INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  loss REAL NOT NULL,
  train_accuracy REAL NOT NULL,
  validation_accuracy REAL NOT NULL,
  learning_rate REAL NOT NULL,
  lambda REAL,  -- linearize only
  relus INTEGER NOT NULL,
  seconds REAL NOT NULL,
  PRIMARY KEY (task_id, epoch)
) STRICT, WITHOUT ROWID;
INSERT INTO "stage_progress" VALUES(1,0,1,1796110912617,3.48367945353190089363e+00,0.1,0.1,4.16666666666666712925e-02,NULL,10752,0.080284613);
INSERT INTO "stage_progress" VALUES(1,1,1,1796110912686,2.84917561213175440926e+00,6.66666666666666657414e-02,0.1,1.04166666666666678231e-02,NULL,10752,0.068538594);
INSERT INTO "stage_progress" VALUES(2,0,1,1796110912807,2.07739364624023437489e+02,1.16666666666666668517e-01,0.1,0.001,0.02,10752,0.101729048);
INSERT INTO "stage_progress" VALUES(2,1,1,1796110912902,2.19186083475748688447e+02,0.1,0.075,0.001,0.024,10752,0.094511703);
INSERT INTO "stage_progress" VALUES(2,2,1,1796110912989,2.25650957743326813437e+02,0.1,0.1,0.001,0.0288,10752,0.086052166);
INSERT INTO "stage_progress" VALUES(2,3,1,1796110913076,2.24008687337239592802e+02,8.33333333333333287074e-02,0.05,0.001,0.03456,10752,0.086179126);
INSERT INTO "stage_progress" VALUES(2,4,1,1796110913158,2.09883750915527343759e+02,1.33333333333333331482e-01,0.05,0.001,0.041472,10752,0.08274999);
INSERT INTO "stage_progress" VALUES(2,5,1,1796110913247,1.77402297973632812498e+02,0.1,0.025,0.001,0.0497664,10752,0.088911751);
INSERT INTO "stage_progress" VALUES(2,6,1,1796110913337,1.29952476501464843751e+02,8.33333333333333287074e-02,0.125,0.001,0.065691648,10752,0.089257757);
INSERT INTO "stage_progress" VALUES(2,7,1,1796110913440,5.01507577896118164053e+01,8.33333333333333287074e-02,0.075,0.001,8.67129753600000136026e-02,629,0.102814126);
INSERT INTO "stage_progress" VALUES(3,0,1,1796110913590,2.6613826751708984375e+00,0.1,0.1,0.001,NULL,6451,0.070874038);
INSERT INTO "stage_progress" VALUES(3,1,1,1796110913622,2.71109477678934718269e+00,0.1,0.1,0.0005,NULL,6451,0.064915862);
CREATE TABLE task_provenance (
  task_id INTEGER PRIMARY KEY REFERENCES tasks ON DELETE CASCADE,
  attempt INTEGER NOT NULL,
  provenance TEXT NOT NULL  -- Provenance of report.proto, as JSON
) STRICT;
INSERT INTO "task_provenance" VALUES(1,1,'{"build_commit":"4e67c4e4d82d","torch_version":"2.13.0","device":"cpu","precision":"float32","threads":1,"data_hash":"5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989","split_hash":"290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8","train_images":60,"validation_images":40,"test_images":40}');
INSERT INTO "task_provenance" VALUES(2,1,'{"build_commit":"4e67c4e4d82d","torch_version":"2.13.0","device":"cpu","precision":"float32","threads":1,"data_hash":"5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989","split_hash":"290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8","train_images":60,"validation_images":40,"test_images":40}');
INSERT INTO "task_provenance" VALUES(3,1,'{"build_commit":"4e67c4e4d82d","torch_version":"2.13.0","device":"cpu","precision":"float32","threads":1,"data_hash":"5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989","split_hash":"290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8","train_images":60,"validation_images":40,"test_images":40}');
CREATE TABLE tasks (
  task_id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
  candidate_id INTEGER NOT NULL REFERENCES candidates ON DELETE CASCADE,
  stage TEXT NOT NULL CHECK (stage IN ('pretrain', 'linearize', 'fine-tune')),
  budget INTEGER NOT NULL,  -- of a fine-tune, else 0
  seed INTEGER NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('BLOCKED', 'QUEUED', 'LEASED', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
  attempt INTEGER NOT NULL DEFAULT 0,  -- number of the newest lease
  worker TEXT NOT NULL DEFAULT '',     -- of the newest lease
  lease_until_steady_ms INTEGER,
  not_before_steady_ms INTEGER,        -- the pause after a lost attempt
  epochs_planned INTEGER NOT NULL DEFAULT 0,
  device_seconds REAL NOT NULL DEFAULT 0,
  checkpoint_sha256 TEXT REFERENCES artifacts,
  checkpoint_epochs INTEGER NOT NULL DEFAULT 0,
  weights_sha256 TEXT REFERENCES artifacts,  -- of a pretrain that succeeded
  started_at_ms INTEGER,
  finished_at_ms INTEGER,
  message TEXT NOT NULL DEFAULT '',
  UNIQUE (candidate_id, stage, budget),
  CHECK ((state = 'LEASED') = (lease_until_steady_ms IS NOT NULL))
) STRICT;
INSERT INTO "tasks" VALUES(1,1,1,'pretrain',0,2405315635664417,'SUCCEEDED',1,'reluscape-train',NULL,NULL,2,0.162654798,NULL,0,'016560acbc5d7e149146f622a48a97f7e66773cee9515fd593836ca7843fd801',1796110912531,1796110912699,'');
INSERT INTO "tasks" VALUES(2,1,1,'linearize',0,1036766600471148,'SUCCEEDED',1,'reluscape-train',NULL,NULL,100,0.751515647,'57a2fe317092011c9a1806db007903d0e9bb6f079098850579a61c02f8da7e0a',8,NULL,1796110912699,1796110913462,'');
INSERT INTO "tasks" VALUES(3,1,1,'fine-tune',6451,2216825996837436,'SUCCEEDED',1,'reluscape-train',NULL,NULL,2,0.167932895,NULL,0,NULL,1796110913462,1796110913644,'');
CREATE TABLE uploads (
  sha256 TEXT PRIMARY KEY REFERENCES artifacts ON DELETE CASCADE,
  uploaded_at_ms INTEGER NOT NULL  -- the last time
) STRICT, WITHOUT ROWID;
CREATE TABLE worker_data (
  worker TEXT NOT NULL REFERENCES workers,
  data_set TEXT NOT NULL,
  classes INTEGER NOT NULL,
  side INTEGER NOT NULL,
  train_images INTEGER NOT NULL,
  validation_images INTEGER NOT NULL,
  test_images INTEGER NOT NULL,
  split_seed INTEGER NOT NULL,
  data_hash TEXT,
  split_hash TEXT,
  problem TEXT NOT NULL,
  PRIMARY KEY (worker, data_set, split_seed, classes, side, train_images, validation_images,
               test_images)
) STRICT, WITHOUT ROWID;
INSERT INTO "worker_data" VALUES('reluscape-train','synthetic',10,32,60,40,40,8695721360418747,'5dd3dd199aea658d053ccbb1361223fb0fc0b40441a8ccc0dbe243bacd31e989','290424985d7aa05b0c8c9aa1b53dfe51eda8fc08447f328d6de802ef289bdac8','');
CREATE TABLE worker_data_sets (
  worker TEXT NOT NULL REFERENCES workers,
  data_set TEXT NOT NULL,
  PRIMARY KEY (worker, data_set)
) STRICT, WITHOUT ROWID;
INSERT INTO "worker_data_sets" VALUES('reluscape-train','synthetic');
CREATE TABLE worker_incarnations (
  worker TEXT NOT NULL REFERENCES workers,
  incarnation TEXT NOT NULL,
  PRIMARY KEY (worker, incarnation)
) STRICT, WITHOUT ROWID;
INSERT INTO "worker_incarnations" VALUES('reluscape-train','bdef294030810f11-25173');
CREATE TABLE workers (
  worker TEXT PRIMARY KEY,
  incarnation TEXT NOT NULL,  -- the newest
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  device TEXT NOT NULL,
  torch_version TEXT NOT NULL,
  build_commit TEXT NOT NULL,
  fast_precisions TEXT NOT NULL,  -- that its device computes faster than float32, with spaces between
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  protocol INTEGER NOT NULL,
  behaviour INTEGER NOT NULL,
  machine TEXT NOT NULL,                -- whose workers share the cores; '' = its own
  cores INTEGER NOT NULL,               -- for its tasks; 0 = they compute on another device
  sharers INTEGER NOT NULL,             -- workers that share them
  problem TEXT NOT NULL DEFAULT '',     -- as it says itself
  quarantine TEXT NOT NULL DEFAULT '',  -- why it is kept out
  failures_in_row INTEGER NOT NULL DEFAULT 0,
  -- Heard of within the time of a lease, and not since it said that it ends.
  connected INTEGER NOT NULL DEFAULT 0,
  heard_steady_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "workers" VALUES('reluscape-train','bdef294030810f11-25173','vm',25173,'cpu','2.13.0','4e67c4e4d82d','bfloat16',1796110912510,1796110913718,3,1,'vm/6641aaee-30d7-40d7-8eaf-3fd36b21678f',1,1,'','',0,0,0);
CREATE INDEX candidates_by_network ON candidates (network_hash);
CREATE INDEX candidates_by_teacher ON candidates (teacher_id) WHERE teacher_id IS NOT NULL;
CREATE INDEX candidates_by_pretrained ON candidates (pretrained_sha256)
  WHERE pretrained_sha256 IS NOT NULL;
CREATE INDEX candidates_by_data ON candidates (job_id, data_hash) WHERE data_hash IS NOT NULL;
CREATE INDEX tasks_by_state ON tasks (state, job_id, stage);
CREATE INDEX tasks_by_job ON tasks (job_id, state);
CREATE INDEX tasks_by_checkpoint ON tasks (checkpoint_sha256) WHERE checkpoint_sha256 IS NOT NULL;
CREATE INDEX tasks_by_weights ON tasks (weights_sha256) WHERE weights_sha256 IS NOT NULL;
CREATE INDEX snapshots_by_task ON snapshots (task_id);
CREATE INDEX snapshots_by_artifact ON snapshots (artifact_sha256);
CREATE INDEX results_by_job ON results (job_id, result_id);
CREATE INDEX results_by_artifact ON results (artifact_sha256);
CREATE INDEX events_by_job ON events (job_id, event_id);
CREATE INDEX events_by_result ON events (result_id) WHERE result_id IS NOT NULL;
CREATE INDEX worker_data_by_images ON worker_data
  (data_set, split_seed, classes, side, train_images, validation_images, test_images, data_hash);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',1);
INSERT INTO "sqlite_sequence" VALUES('events',27);
INSERT INTO "sqlite_sequence" VALUES('candidates',1);
INSERT INTO "sqlite_sequence" VALUES('tasks',3);
INSERT INTO "sqlite_sequence" VALUES('results',1);
COMMIT;
