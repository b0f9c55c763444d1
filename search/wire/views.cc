#include "search/wire/views.h"

#include <cstdint>

#include "base/foreign_text.h"
#include "search/objective.h"

namespace reluscape {
namespace {

void Write(const EpochReport& epoch, v1::Epoch& message) {
  message.set_epoch(epoch.epoch);
  message.set_loss(epoch.loss);
  message.set_train_accuracy(epoch.train_accuracy);
  message.set_validation_accuracy(epoch.validation_accuracy);
  message.set_learning_rate(epoch.learning_rate);
  if (epoch.lambda) message.set_lambda(*epoch.lambda);
  message.set_relus(epoch.relus);
  message.set_seconds(epoch.seconds);
}

void Write(const TaskView& task, v1::Task& message) {
  message.set_task(task.id.value);
  message.set_candidate(task.candidate.value);
  message.set_stage(StageName(task.stage));
  if (task.stage == Stage::kFineTune) message.set_budget(task.budget);
  message.set_state(TaskStateName(task.state));
  message.set_attempt(task.attempt);
  message.set_worker(task.worker);
  message.set_epochs_done(task.epochs_done);
  message.set_epochs_planned(task.epochs_planned);
  if (task.last_epoch) Write(*task.last_epoch, *message.mutable_last_epoch());
  message.set_device_seconds(task.device_seconds);
  if (task.started_at) message.set_started_at_ms(ToUnixMs(*task.started_at));
  if (task.finished_at) message.set_finished_at_ms(ToUnixMs(*task.finished_at));
  message.set_message(task.message);
}

void Write(const Measurement& measurement, v1::Measurement& message) {
  message.set_build_commit(measurement.build_commit);
  message.set_torch_version(measurement.torch_version);
  message.set_device(measurement.device);
  message.set_precision(measurement.precision);
  message.set_threads(measurement.threads);
  message.set_data_hash(measurement.data_hash);
  message.set_split_hash(measurement.split_hash);
  message.set_train_images(measurement.train_images);
  message.set_validation_images(measurement.validation_images);
  message.set_test_images(measurement.test_images);
}

void Write(const CriticalityView& network, v1::Criticality& message) {
  message.set_candidate(network.candidate.value);
  message.set_name(network.name);
  message.set_network(network.network);
  message.set_network_hash(network.network_hash);
  for (const int64_t stage : network.Order()) message.add_order(stage);
  message.set_exponent(network.settings.exponent);
  message.set_baseline(CriticalityBaselineName(network.settings.baseline));
  for (const StageCriticality& stage : network.stages) {
    v1::StageCriticality& written = *message.add_stages();
    written.set_stage(stage.stage);
    written.set_relus(stage.relus);
    written.set_accuracy(stage.accuracy);
    written.set_accuracy_lowest(stage.accuracy_lowest);
    written.set_accuracy_highest(stage.accuracy_highest);
    written.set_replicates(stage.replicates);
    written.set_score(stage.score);
    written.set_rank(stage.rank);
  }
}

}  // namespace

v1::Job ToProto(const JobView& job) {
  v1::Job message;
  message.set_job(job.id.value);
  message.set_name(job.name);
  message.set_state(JobStateName(job.state));
  message.set_created_at_ms(ToUnixMs(job.created_at));
  if (job.finished_at) message.set_finished_at_ms(ToUnixMs(*job.finished_at));
  if (job.unsealed_at) message.set_unsealed_at_ms(ToUnixMs(*job.unsealed_at));
  message.set_data_set(job.data_set);
  message.set_recipe(job.recipe);
  message.set_candidates(job.candidates);
  message.set_results(job.results);
  for (const auto& [state, count] : job.tasks) (*message.mutable_tasks())[state] = count;
  message.set_message(job.message);
  for (const std::string& objective : job.objectives) message.add_objectives(objective);
  message.set_kind(JobKindName(job.kind));
  for (const std::string& obstacle : job.obstacles) message.add_obstacles(obstacle);
  if (!job.data_hash.empty()) message.set_data_hash(job.data_hash);
  for (const DataCopy& copy : job.data_copies) {
    v1::DataCopy& written = *message.add_data_copies();
    written.set_data_hash(copy.data_hash);
    for (const std::string& worker : copy.workers) written.add_workers(worker);
    written.set_candidates(copy.candidates);
  }
  return message;
}

v1::JobList ToProto(const std::vector<JobView>& jobs) {
  v1::JobList message;
  for (const JobView& job : jobs) *message.add_jobs() = ToProto(job);
  return message;
}

v1::JobDetail ToProto(const JobDetailView& detail) {
  v1::JobDetail message;
  *message.mutable_job() = ToProto(detail.job);
  message.set_spec_json(detail.job.spec_json);
  for (const CandidateView& candidate : detail.candidates) {
    *message.add_candidates() = ToProto(candidate);
  }
  for (const CriticalityView& network : detail.criticality) {
    Write(network, *message.add_criticality());
  }
  return message;
}

v1::Candidate ToProto(const CandidateView& candidate) {
  v1::Candidate message;
  message.set_candidate(candidate.id.value);
  message.set_job(candidate.job.value);
  message.set_name(candidate.name);
  message.set_network(candidate.network);
  message.set_network_hash(candidate.network_hash);
  message.set_replicate(candidate.replicate);
  message.set_relus(candidate.relus);
  message.set_relus_with_stem(candidate.relus_with_stem);
  message.set_macs(candidate.macs);
  message.set_parameters(candidate.parameters);
  for (const int64_t budget : candidate.budgets) message.add_budgets(budget);
  for (const TaskView& task : candidate.tasks) Write(task, *message.add_tasks());
  message.set_role(CandidateRoleName(candidate.role));
  if (candidate.role == CandidateRole::kStage) message.set_measured_stage(candidate.measured_stage);
  if (candidate.teacher) message.set_teacher(candidate.teacher.value);
  message.set_origin(candidate.origin);
  if (candidate.pretrained) {
    message.set_pretrained_file(candidate.pretrained_file);
    message.set_pretrained_sha256(candidate.pretrained.sha256);
  }
  return message;
}

v1::CandidateDetail ToProto(const CandidateDetailView& detail) {
  v1::CandidateDetail message;
  *message.mutable_candidate() = ToProto(detail.candidate);
  for (const CurvePoint& point : detail.curves) {
    v1::CurvePoint& written = *message.add_curves();
    written.set_task(point.task.value);
    written.set_stage(StageName(point.stage));
    if (point.stage == Stage::kFineTune) written.set_budget(point.budget);
    written.set_attempt(point.attempt);
    written.set_at_ms(ToUnixMs(point.at));
    Write(point.report, *written.mutable_epoch());
  }
  for (const ResultView& result : detail.results) *message.add_results() = ToProto(result);
  return message;
}

v1::LayerRelus ToProto(const LayerRelus& layer) {
  v1::LayerRelus message;
  message.set_layer(layer.layer);
  message.set_units(layer.units);
  message.set_kept(layer.kept);
  message.set_polynomials(layer.polynomials);
  if (layer.input_min) message.set_input_min(*layer.input_min);
  if (layer.input_max) message.set_input_max(*layer.input_max);
  return message;
}

v1::ClassAccuracy ToProto(const ClassAccuracy& one) {
  v1::ClassAccuracy message;
  message.set_name(ValidUtf8(one.name));  // it may come from a folder
  message.set_images(one.images);
  message.set_correct(one.correct);
  return message;
}

v1::Result ToProto(const ResultView& result) {
  v1::Result message;
  message.set_result(result.id.value);
  message.set_job(result.job.value);
  message.set_candidate(result.candidate.value);
  message.set_name(result.name);
  message.set_network(result.network);
  message.set_network_hash(result.network_hash);
  message.set_budget(result.budget);
  message.set_relus(result.relus);
  message.set_relus_with_stem(result.relus_with_stem);
  message.set_polynomials(result.polynomials);
  message.set_macs(result.macs);
  message.set_parameters(result.parameters);
  message.set_accuracy_soft(result.accuracy_soft);
  message.set_accuracy_trimmed(result.accuracy_trimmed);
  message.set_accuracy_validation(result.accuracy_validation);
  if (result.accuracy_test) message.set_accuracy_test(*result.accuracy_test);
  for (const auto& [model, seconds] : result.latency) (*message.mutable_latency())[model] = seconds;
  message.set_on_front(result.on_front);
  message.mutable_seeds()->set_pretrain(static_cast<int64_t>(result.seed_pretrain));
  if (result.seed_linearize) {
    message.mutable_seeds()->set_linearize(static_cast<int64_t>(*result.seed_linearize));
  }
  if (result.seed_fine_tune) {
    message.mutable_seeds()->set_fine_tune(static_cast<int64_t>(*result.seed_fine_tune));
  }
  message.mutable_seeds()->set_split(static_cast<int64_t>(result.seed_split));
  message.set_recipe(result.recipe);
  Write(result.measurement, *message.mutable_measurement());
  message.mutable_seconds()->set_pretrain(result.seconds_pretrain);
  message.mutable_seconds()->set_linearize(result.seconds_linearize);
  message.mutable_seconds()->set_fine_tune(result.seconds_fine_tune);
  message.set_worker(result.worker);
  message.set_attempt(result.attempt);
  message.set_created_at_ms(ToUnixMs(result.created_at));
  for (const LayerRelus& layer : result.layers) *message.add_layers() = ToProto(layer);
  for (const ClassAccuracy& one : result.classes) *message.add_classes() = ToProto(one);
  message.set_artifact_sha256(result.artifact.sha256);
  message.set_artifact_bytes(result.artifact.bytes);
  message.set_origin(result.origin);
  for (const auto& [metric, cost] : result.costs) {
    v1::Cost& written = (*message.mutable_costs())[metric];
    written.set_value(cost.value);
    written.set_lower_bound(cost.is_lower_bound);
  }
  message.set_off_front(result.off_front);
  return message;
}

v1::Front ToProto(const FrontView& front) {
  v1::Front message;
  message.set_job(front.job.value);
  for (const std::string& objective : front.objectives) message.add_objectives(objective);
  for (const CostLimit& limit : front.cost_limits) message.add_cost_limits(CostLimitText(limit));
  for (const ResultView& result : front.results) *message.add_results() = ToProto(result);
  return message;
}

v1::WorkerList ToProto(const std::vector<WorkerView>& workers) {
  v1::WorkerList message;
  for (const WorkerView& worker : workers) {
    v1::Worker& written = *message.add_workers();
    written.set_worker(worker.info.id);
    written.set_host(worker.info.host);
    written.set_pid(worker.info.pid);
    written.set_device(worker.info.device);
    written.set_torch_version(worker.info.torch_version);
    written.set_build_commit(worker.info.build_commit);
    for (const std::string& set : worker.info.data_sets) written.add_data_sets(set);
    written.set_last_seen_ms(ToUnixMs(worker.last_seen));
    written.set_connected(worker.connected);
    for (const TaskId& task : worker.tasks) written.add_tasks(task.value);
    written.set_protocol(worker.info.protocol);
    written.set_behaviour(worker.info.behaviour);
    const bool quarantined = !worker.quarantine.empty();
    written.set_problem(quarantined ? worker.quarantine : worker.info.problem);
    written.set_quarantined(quarantined);
    for (const DataState& state : worker.info.data) {
      v1::WorkerData& opened = *written.add_data();
      opened.set_data_set(state.request.data.set);
      opened.set_train_images(state.request.data.train_images);
      opened.set_validation_images(state.request.data.validation_images);
      opened.set_test_images(state.request.data.test_images);
      opened.set_split_seed(static_cast<int64_t>(state.request.split_seed));
      opened.set_data_hash(state.data_hash);
      opened.set_problem(state.problem);
    }
  }
  return message;
}

v1::Preview ToProto(const Preview& preview) {
  v1::Preview message;
  for (const PreviewNetwork& network : preview.networks) {
    v1::Preview::Network& written = *message.add_networks();
    written.set_name(network.name);
    written.set_network(network.network);
    written.set_replicates(network.replicates);
    written.set_relus(network.relus);
    written.set_relus_with_stem(network.relus_with_stem);
    written.set_macs(network.macs);
    written.set_parameters(network.parameters);
    for (const int64_t budget : network.budgets) written.add_budgets(budget);
    written.set_role(CandidateRoleName(network.role));
    written.set_origin(network.origin);
  }
  message.set_candidates(preview.candidates);
  for (const auto& [stage, count] : preview.tasks) (*message.mutable_tasks())[stage] = count;
  message.set_recipe(preview.recipe);
  for (const std::string& note : preview.notes) message.add_notes(note);
  return message;
}

v1::EventList ToProto(const std::vector<EventView>& events) {
  v1::EventList message;
  for (const EventView& event : events) {
    v1::Event& written = *message.add_events();
    written.set_event(event.id);
    written.set_at_ms(ToUnixMs(event.at));
    written.set_kind(event.kind);
    written.set_job(event.job.value);
    written.set_candidate(event.candidate.value);
    written.set_task(event.task.value);
    written.set_result(event.result.value);
    written.set_worker(event.worker);
    written.set_detail(event.detail);
  }
  return message;
}

}  // namespace reluscape
