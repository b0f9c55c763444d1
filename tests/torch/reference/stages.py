"""Pretrain, SNL's descent and fine-tune with the published formulas (Cho et al., "Selective Network
Linearization for Efficient Private Inference", ICML 2022, and its public code), in plain PyTorch.

A descent is chaotic: two correct implementations whose roundings differ by 1e-7 are a percent apart
after twenty epochs with fast masks. What could be rounded in several ways is therefore done as
Reluscape does it: fused optimizers, a teacher with folded batch norms, logarithms of the teacher's
probabilities.

Each function trains in place on `batches`, a list of epochs of lists of (images, labels), and
returns one record per epoch: mean loss, number of ReLUs, lambda, learning rate.
"""

import torch
from torch.nn import functional


def distillation(student, teacher, labels, settings):
    t = settings["temperature"]
    divergence = functional.kl_div(functional.log_softmax(student / t, 1),
                                   functional.log_softmax(teacher / t, 1), reduction="batchmean",
                                   log_target=True)
    return (settings["cross_entropy_weight"] * functional.cross_entropy(student, labels)
            + settings["weight"] * t * t * divergence)


def sgd(network, settings):
    return torch.optim.SGD(network.weights(), lr=settings["learning_rate"],
                           momentum=settings["momentum"], weight_decay=settings["weight_decay"],
                           fused=True)


def train_by_sgd(network, teacher, batches, settings, distill, schedule):
    optimizer = sgd(network, settings)
    scheduler = schedule(optimizer)
    network.train()
    records = []
    for epoch in batches:
        losses = []
        rate = optimizer.param_groups[0]["lr"]
        for images, labels in epoch:
            logits = network(images)
            loss = (functional.cross_entropy(logits, labels) if teacher is None
                    else distillation(logits, teacher(images), labels, distill))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        records.append({"loss": sum(losses) / len(losses), "learning_rate": rate})
    return records


def pretrain(network, batches, settings):
    # Masks are left out of the optimizer: they stay 1.
    return train_by_sgd(network, None, batches, settings, None,
                        lambda optimizer: torch.optim.lr_scheduler.MultiStepLR(
                            optimizer, settings["step_epochs"], settings["step_factor"]))


def fine_tune(network, teacher, batches, settings, distill):
    return train_by_sgd(network, teacher, batches, settings, distill,
                        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(
                            optimizer, settings["epochs"]))


def count_relus(masks, threshold):
    return sum(int((mask > threshold).sum()) for mask in masks)


def kept_indices(masks, budget):
    """Indices, into all masks one behind the other, of the `budget` largest values; of equal ones
    the first."""
    flat = torch.cat([mask.detach().flatten() for mask in masks])
    return torch.argsort(flat, descending=True, stable=True)[:budget].sort().values


def descend(network, teacher, batches, settings, distill, budgets):
    """Returns the records, and for each budget the state before the epoch that fell below it."""
    masks = [relu.mask for relu in network.relus()]
    optimizer = torch.optim.Adam([{"params": network.weights(),
                                   "lr": settings["weight_learning_rate"]},
                                  {"params": masks, "lr": settings["mask_learning_rate"]}], fused=True)
    penalty = settings["lambda"]
    lowest = count_relus(masks, settings["threshold"])
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    open_budgets, snapshots, records = sorted(budgets, reverse=True), {}, []
    network.train()
    for index, epoch in enumerate(batches):
        losses = []
        for images, labels in epoch:
            logits = network(images)
            loss = distillation(logits, teacher(images), labels, distill)
            loss = loss + penalty * sum(mask.abs().sum() for mask in masks)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        count = count_relus(masks, settings["threshold"])
        while open_budgets and count < open_budgets[0]:
            snapshots[open_budgets.pop(0)] = state
        state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        records.append({"loss": sum(losses) / len(losses), "relus": count, "lambda": penalty})
        if count < lowest:
            lowest = count
        elif index >= settings["lambda_patience"]:
            penalty *= settings["lambda_growth"]
        if budgets and not open_budgets:
            break
    return records, snapshots
